import ArgumentParser
import MXLinear
import Runtime
import Training

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure products, quantizers and whole training steps on this machine.",
    discussion: """
      Times are medians of repeats after a warm-up. With --json, one object a line. Machines are \
      noisy: compare runs made side by side, by ratios.
      """,
    subcommands: [Products.self, Quantizers.self, Step.self])

  /// What the three benchmarks share.
  struct Common: ParsableArguments {
    @Flag(help: "Print one JSON object a line.")
    var json = false

    @OptionGroup var threading: ThreadOption

    func start() throws {
      try threading.apply()
      if !json { print("threads \(Threads.count), instruction set \(Kernels.current.name)") }
    }

    func report(_ result: BenchmarkResult) {
      if json {
        print(result.line.text)
      } else {
        print(
          "\(padded(result.text, 48))  \(fixed(result.seconds * 1e3, 3)) ms  "
            + "\(fixed(result.rate, 1)) \(result.unit)")
      }
    }
  }

  struct Products: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "gemm", abstract: "The three products of every linear layer, in GFLOP/s.",
      discussion:
        "y = x·wᵀ + b, dx = dy·w, dw = dyᵀ·x; [N rows, D inputs, C outputs]; 1 gop = 10⁹ operations."
    )

    @Option(help: "The model whose shapes are used.") var model = "deit_tiny_patch16_224"
    @Option(help: "Images a batch.") var batch = 32
    @Option(help: "Timed repeats.") var repeats = 9
    @OptionGroup var common: Common

    func validate() throws { try checkCounts(batch: batch, repeats: repeats) }

    func run() throws {
      try common.start()
      try Benchmarks.products(model: model, batch: batch, repeats: repeats, common.report)
    }
  }

  struct Quantizers: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "quantize",
      abstract: "Every rounding along rows and columns, in 10⁹ elements a second.")

    @Option(help: "Rows of the matrix.") var rows = 8192
    @Option(help: "Columns of the matrix.") var columns = 768
    @Option(help: "Timed repeats.") var repeats = 9
    @OptionGroup var common: Common

    func validate() throws {
      try checkCounts(batch: 1, repeats: repeats)
      guard (1...1 << 20).contains(rows), (1...1 << 20).contains(columns), rows * columns <= 1 << 30
      else {
        throw ValidationError("--rows \(rows) and --columns \(columns): at most 2^30 elements")
      }
    }

    func run() throws {
      try common.start()
      try Benchmarks.quantizers(rows: rows, columns: columns, repeats: repeats, common.report)
    }
  }

  struct Step: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "step",
      abstract: "Whole training steps: forward, backward, AdamW; images a second.")

    @Option(help: "The model.") var model = "deit_tiny_patch16_224"
    @Option(help: "Images a batch.") var batch = 32
    @Option(help: "The training method.") var method = Method.tetrajet
    @Option(help: "Timed repeats.") var repeats = 5
    @OptionGroup var common: Common

    func validate() throws { try checkCounts(batch: batch, repeats: repeats) }

    func run() throws {
      try common.start()
      try Benchmarks.step(
        model: model, batch: batch, method: method, repeats: repeats, common.report)
      if !common.json { print("peak memory \(fixed(ProcessUsage.peakMemory, 0)) MiB") }
    }
  }
}

private func checkCounts(batch: Int, repeats: Int) throws {
  guard (1...65536).contains(batch) else {
    throw ValidationError("--batch is \(batch); it must be from 1 to 65536")
  }
  guard (1...10_000).contains(repeats) else {
    throw ValidationError("--repeats is \(repeats); it must be from 1 to 10000")
  }
}
