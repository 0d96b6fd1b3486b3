import ArgumentParser
import Files
import Foundation
import MXFormats
import MXLinear
import Reports
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

      --set changes single keys: quantizers.*, outcontrol.share, outcontrol.format, model.*, method, engine, seed. Without Q3 to Q6, gradients are the \
      exact ones of the quantized forward pass.

      --repeat K draws the gradients by K seeds and prints a row a tensor: how far their mean lies from the exact \
      gradient (bias) in percent of its norm, how far chance alone would let it lie (noise: the standard deviation \
      of one draw, by the root of K), the ratio of the two, that deviation, and the cosine of the angle between mean \
      and exact gradient. A ratio about 1 is no bias; * marks one above 2. The output may then be left out; it holds \
      the mean as grad.NAME and the exact gradient as exact.NAME.

      With --repeat the input may be the folder of a run: its last weights, and --images of its training images. The method \
      is then its own, unless you name another one; how the means of 1, 2, 4, ... draws lie is kept in the run's gradients.json, \
      method by method, and 'tetrajet report' draws it.

        tetrajet trace in.safetensors out.safetensors --method tetrajet
        tetrajet trace in.safetensors out.safetensors --method tetrajet \\
          --backward-rounding nearest-even
        tetrajet trace in.safetensors out.safetensors --method fp32 \\
          --set quantizers.q2.enabled=true
        tetrajet trace in.safetensors --repeat 64 --method tetrajet \\
          --set quantizers.q4.reads_quantized=false
        tetrajet trace runs/first --repeat 256
      """)

  @Argument(help: "The file with model, images and labels; or a run's folder.")
  var input: String

  @Argument(help: "The file to write ('-' for standard output).")
  var output: String?

  @Option(help: "The method whose quantizers are used.")
  var method: Method?

  @Option(help: "How products are computed.")
  var engine = Engine.packed

  @Option(help: "Round the gradient's operands (Q3 to Q6) in this way instead of the method's own.")
  var backwardRounding: Rounding?

  @Option(
    help: ArgumentHelp("Set a recipe key. May be repeated.", valueName: "key=value"),
    completion: .assignments)
  var set: [String] = []

  @Option(help: "The seed of stochastic rounding.")
  var seed: UInt64 = 0

  @Option(
    name: .customLong("repeat"),
    help: ArgumentHelp(
      "Compare the gradients of so many seeds with the exact ones.", valueName: "k"))
  var repeats: Int?

  @Option(help: ArgumentHelp("Of a run: so many of its training images.", valueName: "n"))
  var images: Int?

  @Flag(help: "With --repeat: print one JSON object a line and tensor.")
  var json = false

  @OptionGroup var outputs: OutputOption
  @OptionGroup var threading: ThreadOption

  func validate() throws {
    if backwardRounding == .ema {
      throw ValidationError("--backward-rounding ema: only weights have moving averages")
    }
    let isRun = RunDirectory.isRun(input)
    if method == nil, !isRun, !set.contains(where: { $0.hasPrefix("method=") }) {
      throw ValidationError("Missing expected argument '--method <method>'")
    }
    if let images {
      guard isRun else { throw ValidationError("--images goes with the folder of a run") }
      guard (1...65_536).contains(images) else {
        throw ValidationError("--images is \(images); it must be from 1 to 65536")
      }
    }
    guard let repeats else {
      if isRun { throw ValidationError("the folder of a run goes with --repeat") }
      if output == nil { throw ValidationError("Missing expected argument '<output>'") }
      if json { throw ValidationError("--json goes with --repeat, which is not there") }
      return
    }
    guard (2...1_000_000).contains(repeats) else {
      throw ValidationError("--repeat is \(repeats); it must be from 2 to 1000000")
    }
    if output == "-" {
      throw ValidationError("--repeat prints its table on standard output; give the file a name")
    }
  }

  func run() throws {
    let cpu = try threading.cpu()
    try method?.validate()
    let settings = try settings()
    let output = try output.map { try outputs.file($0, inputs: [input]) }
    guard let repeats else {
      try traceStep(input, output: output!, settings: settings, seed: seed, on: cpu)
      return
    }
    let comparisons = try compareGradients(
      input, images: images ?? 64, output: output, settings: settings, seed: seed,
      repeats: repeats, on: cpu)
    if json {
      for comparison in comparisons { try printLine(comparison.line.text) }
    } else {
      try printLine(Self.table(comparisons))
    }
    if RunDirectory.isRun(input) {
      writeError(oneLine("kept in \(RunDirectory(reading: input).gradients)") + "\n")
    }
  }

  /// What the options say, as settings of a recipe; those of `--set` come last, and hold.
  private func settings() throws -> [RecipeSetting] {
    var settings = [RecipeSetting("engine", engine.rawValue, flag: "--engine")]
    if let method { settings.append(RecipeSetting("method", method.rawValue, flag: "--method")) }
    if let rounding = backwardRounding?.rawValue {
      settings += [Operand.q3, .q4, .q5, .q6].map {
        RecipeSetting("quantizers.\($0.rawValue).rounding", rounding, flag: "--backward-rounding")
      }
    }
    return try settings + set.map { try RecipeSetting(assignment: $0) }
  }

  /// A row a tensor, in 80 columns; long names take several lines.
  private static func table(_ comparisons: [GradientBias]) -> String {
    let numbers =
      [["bias %", "noise %", "ratio", "deviation %", "cosine"]]
      + comparisons.map { row in
        [
          percent(row.bias), percent(row.expectedBias),
          short(row.bias / row.expectedBias) + (row.isOutsideNoise ? " *" : "  "),
          percent(row.deviation), row.cosine.isFinite ? fixed(row.cosine, 5) : "-",
        ]
      }
    let widths = numbers[0].indices.map { column in numbers.map { $0[column].count }.max() ?? 0 }
    let room = 80 - widths.reduce(0) { $0 + $1 + 2 }
    let names = ["tensor"] + comparisons.map(\.tensor)
    let width = min(room, names.map(\.count).max() ?? 0)
    var lines: [String] = []
    for (name, cells) in zip(names, numbers) {
      let parts = wrapped(name, width: width)
      lines += parts.dropLast()
      lines.append(
        padded(parts[parts.count - 1], width)
          + zip(cells, widths).map { cell, width in
            "  " + String(repeating: " ", count: width - cell.count) + cell
          }.joined())
      if lines.count == 1 {
        lines.append(
          ([width] + widths).map { String(repeating: "-", count: $0) }.joined(separator: "  "))
      }
    }
    return lines.joined(separator: "\n")
  }

  private static func percent(_ share: Double) -> String { short(100 * share) }

  private static func short(_ value: Double) -> String {
    value.isNaN ? "-" : value.isInfinite ? "inf" : String(format: "%.3g", value)
  }
}
