import ArgumentParser
import Exchange
import Files
import Training

extension ExportLayout: ExpressibleByArgument {}
extension Activations: ExpressibleByArgument {}
extension RestType: ExpressibleByArgument {}
extension ONNXWeights.Codes: ExpressibleByArgument {}
extension ONNXWeights.Scales: ExpressibleByArgument {}

struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Take a 4-bit model away in a layout that other software reads.",
    discussion: """
      The codes are those that training multiplied with (under Q-EMA those of the moving averages), never \
      quantized anew; what training kept in single precision stays so.

        tetrajet export runs/first model --layout compressed-tensors
        tetrajet export runs/first model.gguf --layout gguf

        hf                  T_blocks and T_scales, as in published checkpoints
        compressed-tensors  for transformers and vLLM; the only one that has NVFP4
        mlx                 for Apple's MLX
        gguf                one file for ggml
        onnx                one file, from prepared images to logits

      The first three are folders of model.safetensors, config.json and preprocessor_config.json; 'eval', \
      'predict' and 'train --init' take them and the gguf file, too.
      """)

  @Argument(help: "A checkpoint, or a run folder (its last.safetensors).")
  var checkpoint: String

  @Argument(help: "The folder or file to write.")
  var output: String

  @Option(help: "The layout.")
  var layout: ExportLayout

  @Option(
    help:
      "What inputs of the 4-bit layers the configuration asks for, where the layout says it: as they come, or in 4 bits."
  )
  var activations = Activations.full

  @Option(help: "What the other tensors are stored in.")
  var rest = RestType.f32

  @Option(
    help: "onnx: scales as bytes of E8M0, or as single precision for runtimes that lack that.")
  var scales = ONNXWeights.Scales.e8m0

  @Option(
    help:
      "onnx: codes as FLOAT4E2M1, or as bytes that a table expands, for runtimes that lack that (onnxruntime 1.32)."
  )
  var codes = ONNXWeights.Codes.float4

  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup var outputs: OutputOption

  func validate() throws {
    if activations == .mxfp4, layout != .compressedTensors {
      throw ValidationError(
        "--activations mxfp4 goes with compressed-tensors only: \(layout.rawValue) has no place for it"
      )
    }
    if scales != .e8m0 || codes != .float4, layout != .onnx {
      throw ValidationError(
        "--scales and --codes go with onnx only: \(layout.rawValue) has codes and bytes of E8M0")
    }
  }

  func run() throws {
    // A folder stands for one of its files.
    let inputs =
      [checkpoint, "\(checkpoint)/model.safetensors"] + RunDirectory.files(of: checkpoint)
    if layout.isFolder {
      let folder = try outputs.folder(output, files: ExportLayout.folderFiles, inputs: inputs)
      let model = try model()
      try folder.write { try model.write(layout, rest: rest, into: $0) }
      try report(model, toStandardOutput: false)
    } else {
      let file = try outputs.file(output, inputs: inputs)
      let model = try model()
      try model.write(
        layout, rest: rest, weights: ONNXWeights(codes, scales: scales), to: file)
      try report(model, toStandardOutput: file.isStandardOutput)
    }
  }

  private func model() throws -> ExportedModel {
    try ExportedModel(path: checkpoint, layout: layout, activations: activations)
  }

  private func report(_ model: ExportedModel, toStandardOutput: Bool) throws {
    let matrices = model.tensors.count { $0.codes != nil }
    let elements = model.tensors.reduce(0) { $0 + ($1.codes == nil ? 0 : $1.shape.reduce(1, *)) }
    let others = model.tensors.count - matrices
    var line = JSONLine()
    line.add("input", checkpoint)
    line.add("output", output)
    line.add("layout", layout.rawValue)
    line.add("matrices", matrices)
    line.add("elements", elements)
    line.add("other_tensors", others)
    line.add("rest", rest.rawValue)
    for key in ["method", "scale_rule", "rounding"] { line.add(key, model.origin[key] ?? "") }
    let text =
      json
      ? line.text
      : "\(output): \(counted(matrices, "matrix", "matrices")) in 4 bits (\(elements) codes of training), "
        + "\(counted(others, "other tensor")) in \(rest.rawValue), as \(layout.rawValue)"
    if toStandardOutput { writeError(text + "\n") } else { try printLine(text) }
  }
}
