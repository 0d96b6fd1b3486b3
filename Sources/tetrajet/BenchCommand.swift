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
    @Option(help: "The model whose shapes are used.")
    var model = "deit_tiny_patch16_224"

    @Option(help: "Images a batch.")
    var batch = 32

    @Option(help: "The training method.")
    var method = Method.tetrajet

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
    func run(_ benchmark: (Benchmarks, (BenchmarkResult) -> Void) throws -> Void) throws {
      try threading.apply()
      let benchmarks = try Benchmarks(
        model: model, batch: batch, method: method, repeats: repeats)
      if !json { print("threads \(Threads.count), instruction set \(Kernels.current.name)") }
      try benchmark(benchmarks) { result in
        if json {
          print(result.line.text)
        } else {
          print(
            "\(padded(result.text, 48))  \(fixed(result.seconds * 1e3, 3)) ms  "
              + "\(fixed(result.rate, 2)) \(result.unit)")
        }
      }
    }
  }

  struct Products: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "gemm",
      abstract: "The three products of every kind of linear layer, in 10⁹ operations a second.",
      discussion: """
        y = x·wᵀ + b, dx = dy·w, dw += dyᵀ·x, with [N rows, D inputs, C outputs]; operands are ready \
        quantized. The simulated engine multiplies in single precision whatever the method.
        """)

    @OptionGroup var common: Common

    func run() throws { try common.run { $0.products($1) } }
  }

  struct Quantizers: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "quantize",
      abstract: "Every rounding along rows and columns, in 10⁹ elements a second.",
      discussion: "The matrix is the model's largest activation: batch · tokens × hidden units.")

    @OptionGroup var common: Common

    func run() throws { try common.run { try $0.quantizers($1) } }
  }

  struct Step: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "step",
      abstract: "Whole training steps: forward, backward, AdamW; images a second.")

    @OptionGroup var common: Common

    func run() throws {
      try common.run { try $0.step($1) }
      if !common.json { print("peak memory \(fixed(ProcessUsage.peakMemory, 0)) MiB") }
    }
  }
}
