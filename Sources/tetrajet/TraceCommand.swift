import ArgumentParser
import MXFormats
import MXLinear
import Training

extension Method: ExpressibleByArgument {}
extension Engine: ExpressibleByArgument {}

struct TraceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trace",
    abstract: "Lay one training step open: logits, loss and every gradient.",
    discussion: """
      For whoever compares implementations. The input holds a model (tensors model.NAME under timm's \
      names; its shape in the metadata: architecture, img_size, patch_size, embed_dim, depth, \
      num_heads, mlp_ratio, num_classes, norm_eps), images [B, channels, height, width] and labels \
      [B]; for qema also model.NAME.ema, the moving averages of the quantized weights. The output holds \
      logits, loss (mean cross entropy) and grad.NAME, and in the metadata how many products of linear layers each \
      engine computed (products_packed, products_simulated). Of a method's remedies only qema touches a single step.

        tetrajet trace in.safetensors out.safetensors --method tetrajet
        tetrajet trace in.safetensors out.safetensors --method tetrajet \\
          --backward-rounding nearest-even
      """)

  @Argument(help: "The file with model, images and labels.")
  var input: String

  @Argument(help: "The file to write ('-' for standard output).")
  var output: String

  @Option(help: "The method whose quantizers are used.")
  var method: Method

  @Option(help: "How products are computed.")
  var engine = Engine.packed

  @Option(help: "Round the gradient's operands (Q3 to Q6) in this way instead of the method's own.")
  var backwardRounding: Rounding?

  @Option(help: "The seed of stochastic rounding.")
  var seed: UInt64 = 0

  @OptionGroup var outputs: OutputOption
  @OptionGroup var threading: ThreadOption

  func validate() throws {
    if backwardRounding == .ema {
      throw ValidationError("--backward-rounding ema: only weights have moving averages")
    }
  }

  func run() throws {
    try threading.apply()
    try method.validate()
    let output = try outputs.file(output, inputs: [input])
    let recipe =
      backwardRounding.map(method.linearRecipe.withBackwardRounding) ?? method.linearRecipe
    try traceStep(input, output: output, recipe: recipe, engine: engine, seed: seed)
  }
}
