import Files
import MXCompute
import MXFormats
import MXLinear
import MXRuntime
import Ranks
import VisionModels

/// One measured line of `tetrajet bench`.
package struct BenchmarkResult: Sendable {
  /// Everything, for programs.
  package let line: JSONLine
  /// What was measured, for people.
  package let text: String
  /// The median.
  package let seconds: Double
  /// What was done a second, with its unit, and what else is worth knowing.
  package let rate: String
}

/// Times what a training is made of, on numbers made up for it: each `Benchmarks+….swift` one benchmark.
package struct Benchmarks {
  let name: String
  let shape: ModelConfiguration
  let batch: Int
  let method: Method
  let format: BlockFormat?
  let engine: Engine
  let repeats: Int
  let cpu: CPU
  let ranks: any Ranks

  /// Benchmarks at the shapes of a model preset.
  ///
  /// - Parameters:
  ///   - format: of what quantizers make of operands; nil for MXFP4, or the method's own.
  ///   - ranks: who does together what ranks share out.
  /// - Throws: `ModelError` where there is no such preset, `RecipeError` where a method's parts do not go together.
  package init(
    model: String, batch: Int, method: Method, format: BlockFormat? = nil, engine: Engine,
    repeats: Int, on cpu: CPU, ranks: any Ranks = Alone()
  ) throws {
    try method.validate()
    name = model
    shape = try ModelConfiguration.preset(model)
    self.batch = batch
    self.method = method
    self.format = format
    self.engine = engine
    self.repeats = repeats
    self.cpu = cpu
    self.ranks = ranks
  }

  /// What every line begins with.
  func line(_ benchmark: String) -> JSONLine {
    var line = JSONLine()
    line.add("bench", benchmark)
    if let format { line.add("format", format.rawValue) }
    line.add("model", name)
    line.add("batch", batch)
    return line
  }

  /// Numbers made up for a benchmark.
  func sample(_ rows: Int, _ columns: Int, seed: UInt64) -> Sample {
    Sample(rows, columns, seed: seed, threads: cpu.threads)
  }

  /// A result that ends as every line does.
  func result(
    _ line: JSONLine, _ seconds: Double, text: String, rate: String
  ) -> BenchmarkResult {
    var line = line
    line.add("seconds", seconds)
    line.add("threads", cpu.threads)
    line.add("isa", cpu.name)
    return BenchmarkResult(line: line, text: text, seconds: seconds, rate: rate)
  }
}

/// The median of `repeats` timings of `body` in seconds, after `warmups` that are not counted.
func medianSeconds(
  warmups: Int, repeats: Int, _ body: () throws -> Void
) rethrows -> Double {
  for _ in 0..<warmups { try body() }
  var seconds: [Double] = []
  for _ in 0..<repeats { seconds.append(try secondsOf(body)) }
  return median(seconds)
}

func secondsOf(_ body: () throws -> Void) rethrows -> Double {
  try ContinuousClock().measure(body).inSeconds
}

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

/// A number with two digits behind the point.
func twoDigits(_ value: Double) -> String {
  let hundredths = Int((value * 100).rounded())
  let rest = hundredths % 100
  return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
}

/// A matrix of normal numbers with memory of its own.
struct Sample {
  let buffer: AlignedBuffer<Float>
  let matrix: FloatMatrix

  init(_ rows: Int, _ columns: Int, seed: UInt64, threads: Int) {
    let random = RandomStream(seed: seed, purpose: .benchmark)
    buffer = AlignedBuffer(count: rows * columns)
    matrix = buffer.matrix(rows: rows)
    let buffer = buffer
    parallelRanges(rows * columns, length: 1 << 16, threads: threads) { range in
      for index in range { buffer[index] = random.normal(index) }
    }
  }
}
