import ArgumentParser
import Files
import MXCompute
import MXFormats
import MXLinear
import MXRuntime
import Reports
import Training
import VisionModels

extension Recomputation: ExpressibleByArgument {}
extension OperandPrecision: ExpressibleByArgument {}
extension BlockFormat: ExpressibleByArgument {}

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract:
      "Measure products, quantizers, training steps, predictions and the image loader on this machine.",
    discussion: """
      Times are medians of repeats after a warm-up. With --json, one object a line. Machines are \
      noisy: compare runs made side by side, by ratios.
      """,
    subcommands: [
      Products.self, Quantizers.self, Step.self, Exchange.self, Predict.self, Loader.self,
    ])

  /// What benchmarks on the shapes of a model share.
  struct Common: ParsableArguments {
    @Option(help: "The model whose shapes are used.")
    var model = "deit_tiny_patch16_224"

    @Option(name: [.long, .customLong("batch-size")], help: "Images a batch.")
    var batch = 32

    @Option(help: "How products are computed: packed 4-bit codes, or single precision.")
    var engine = Engine.packed

    @Option(help: "Timed repeats.")
    var repeats = 5

    @Flag(help: "Print one JSON object a line.")
    var json = false

    @OptionGroup var threading: ThreadOption

    func validate() throws {
      guard (1...65536).contains(batch) else {
        throw ValidationError("--batch is \(batch); it must be from 1 to 65536")
      }
      guard (1...10_000).contains(repeats) else {
        throw ValidationError("--repeats is \(repeats); it must be from 1 to 10000")
      }
    }

    /// Applies the threads and runs a benchmark, with a heading for people.
    func run(
      method: Method = .tetrajet, format: BlockFormat? = nil,
      _ benchmark: (Benchmarks, (BenchmarkResult) throws -> Void) throws -> Void
    ) throws {
      let ranks = try RankGroup.join()
      let cpu = try CPU(threads: threading.threads ?? RankGroup.threads)
      if ranks.isFirst { noteDebugBuild() }
      let benchmarks = try ranks.alike {
        try Benchmarks(
          model: model, batch: batch, method: method, format: format, engine: engine,
          repeats: repeats, on: cpu, ranks: ranks)
      }
      if !json, ranks.isFirst {
        try printLine("threads \(cpu.threads), instruction set \(cpu.name)")
      }
      try benchmark(benchmarks) { result in
        guard ranks.isFirst else { return }
        if json {
          try printLine(result.line.text)
        } else {
          try printLine(
            "\(padded(result.text, 48))  \(fixed(result.seconds * 1e3, 3)) ms  \(result.rate)")
        }
      }
    }
  }

  /// In which format operands are quantized.
  struct FormatOption: ParsableArguments {
    @Option(help: "Number format of the operands. (default: e2m1, or the method's own)")
    var format: BlockFormat?
  }

  struct Products: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "gemm",
      abstract: "The three products of every kind of linear layer, in 10⁹ operations a second.",
      discussion: """
        y = x·wᵀ + b, dx = dy·w, dw = dyᵀ·x, with [N rows, D inputs, C outputs]; operands are ready \
        quantized: packed codes, or with --engine simulated single-precision numbers. Beside each \
        packed product, the processor's own peak: its dot-product instructions on registers alone.
        """)

    @OptionGroup var common: Common
    @OptionGroup var format: FormatOption

    func run() throws { try common.run(format: format.format) { try $0.products($1) } }
  }

  struct Quantizers: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "quantize",
      abstract: "Every rounding along rows and columns, in 10⁹ elements a second.",
      discussion: """
        The matrix is the model's largest activation: batch · tokens × hidden units. The packed engine's \
        quantizers write codes, from numbers or from the codes of the other axis; those of the \
        simulated engine write numbers. A format with a scale of the matrix looks for its largest \
        magnitude first.
        """)

    @OptionGroup var common: Common
    @OptionGroup var format: FormatOption

    func run() throws { try common.run(format: format.format) { try $0.quantizers($1) } }
  }

  struct Step: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "step",
      abstract: "Whole training steps: forward, backward, AdamW; images a second.",
      discussion: "With --profile, also a table of what the time is spent on.")

    @OptionGroup var common: Common

    @OptionGroup var format: FormatOption

    @Option(help: "The training method.")
    var method = Method.tetrajet

    @Option(help: "Images that go through the model together. (default: the batch)")
    var microBatch: Int?

    @Option(help: "What the backward pass computes again: none, mlp or block. (default: block)")
    var recompute: Recomputation?

    @Option(help: "What the products of attention are of: fp32 or bf16.")
    var attention = OperandPrecision.fp32

    @Flag(help: "Show what the time of a step is spent on.")
    var profile = false

    func validate() throws {
      let quantizers = method.linearRecipe
      guard let format = format.format,
        Operand.allCases.allSatisfy({ quantizers[$0] == nil })
      else { return }
      throw ValidationError(
        "--format is \(format.rawValue), and \(method.rawValue) has no quantizers; leave it out, or name another --method"
      )
    }

    func run() throws {
      try common.run(method: method, format: format.format) { benchmarks, report in
        let parts = profile ? StepProfile() : nil
        let seconds = try benchmarks.step(
          microBatch: microBatch, recomputation: recompute, attention: attention, profile: parts,
          report)
        if let parts, RankGroup.isFirst { try show(benchmarks.table(of: parts, seconds: seconds)) }
      }
      if !common.json, RankGroup.isFirst {
        try printLine("peak memory \(fixed(ProcessUsage.peakMemory, 0)) MiB")
      }
    }

    private func show(_ table: [(part: String, milliseconds: Double, percent: Double)]) throws {
      for (part, milliseconds, percent) in table {
        if common.json {
          var line = JSONLine()
          line.add("bench", "step-profile")
          line.add("part", part)
          line.add("milliseconds", milliseconds)
          line.add("percent", percent)
          try printLine(line.text)
        } else {
          try printLine(
            "  \(padded(part, 12))\(fixed(milliseconds, 1)) ms  \(fixed(percent, 1)) %")
        }
      }
    }
  }

  struct Exchange: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "exchange",
      abstract: "What ranks tell each other in a step of a model, under mpirun.",
      discussion: """
        An agreement, of which a step has three, and the sum of all ranks' gradients, while nothing is computed. Example:

          mpirun -n 4 .build/mpi/release/tetrajet bench exchange --model deit_small_patch16_224
        """)

    @OptionGroup var common: Common

    func run() throws { try common.run { try $0.exchange($1) } }
  }

  struct Loader: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "loader",
      abstract: "Reading, decoding and augmenting of training images; images a second.",
      discussion: """
        A first pass over the training images, then --repeats more, of which the median is told. Example:

          tetrajet bench loader --data FOLDER --set model.image_size=224 \\
            --set augmentation.crop=resized --set augmentation.policy=rand-m9-mstd0.5-inc1
        """)

    @Option(help: "'digits' (built in) or a data set.")
    var data: String

    @Option(help: "Set a recipe key: key.path=value. May be repeated.")
    var set: [String] = []

    @Option(help: "Threads that decode; data.workers.")
    var threads = ProcessorCount.current

    @Option(help: "Timed passes over the training images.")
    var repeats = 3

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
      guard (1...10_000).contains(repeats) else {
        throw ValidationError("--repeats is \(repeats); it must be from 1 to 10000")
      }
    }

    func run() throws {
      noteDebugBuild()
      let settings =
        [
          RecipeSetting("data.path", data, flag: "--data"),
          RecipeSetting("data.workers", "\(threads)", flag: "--threads"),
        ] + (try set.map(RecipeSetting.init(assignment:)))
      let result = try LoaderBenchmark(Recipe(settings: settings)).run(repeats: repeats)
      try printLine(json ? result.line.text : "\(result.text): \(result.rate)")
    }
  }
}
