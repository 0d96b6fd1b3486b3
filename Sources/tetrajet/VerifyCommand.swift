import ArgumentParser
import Files
import Training

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Look at a file in MXFP4 or NVFP4: layout, scale rule, damage.",
    discussion: """
      Any model's, whoever wrote it: pairs NAME_blocks and NAME_scales (published checkpoints, 'quantize', \
      'export --layout hf'), compressed-tensors, MLX, GGUF and ONNX. A folder stands for its weights, also in several \
      files.

        tetrajet verify model.gguf
        tetrajet verify model --against runs/first

      From the blocks of MXFP4 alone it tells which scale rules can have made them: the largest code of a group \
      lies in a range that depends on the rule. With --against, which rule gives every scale and which rounding \
      every code, or, where that file has codes too, whether the values are equal. timm's qkv and \
      transformers' query, key and value find each other.

      The exit status is 0 where the file is sound and equal to the other, or one rule and one rounding \
      explain it; else 65, and the last line says why.
      """)

  @Argument(help: "A file or folder with 4-bit weights.")
  var file: String

  @Option(
    help: ArgumentHelp(
      "What it was made from: a run folder, a checkpoint or another file of weights.",
      valueName: "checkpoint"))
  var against: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let found = try FileVerification(path: file, against: against)
    try printLine(json ? found.line.text : VerificationText(found).text)
    try found.check()
  }
}
