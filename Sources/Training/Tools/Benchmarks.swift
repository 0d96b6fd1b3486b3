import MXFormats
import MXLinear
import Runtime
import VisionModels

/// One measured line of `tetrajet bench`.
public struct BenchmarkResult: Sendable {
  /// Everything, for programs.
  public let line: JSONLine
  /// What was measured, for people.
  public let text: String
  /// The median.
  public let seconds: Double
  /// What was done a second, in `unit`.
  public let rate: Double
  /// "gops" or "images/s".
  public let unit: String
}

/// The median of `repeats` timings of `body` in seconds, after `warmups` that are not counted.
public func medianSeconds(
  warmups: Int, repeats: Int, _ body: () throws -> Void
) rethrows -> Double {
  for _ in 0..<warmups { try body() }
  let clock = ContinuousClock()
  var seconds: [Double] = []
  for _ in 0..<repeats { seconds.append(try clock.measure(body).inSeconds) }
  return seconds.sorted()[repeats / 2]
}

/// Times what a training is made of, on numbers made up for it.
public struct Benchmarks {
  private let name: String
  private let shape: ViTConfiguration
  private let batch: Int
  private let method: Method
  private let repeats: Int

  /// Benchmarks at the shapes of a model preset.
  ///
  /// - Throws: `ModelError` where there is no such preset.
  public init(model: String, batch: Int, method: Method, repeats: Int) throws {
    name = model
    shape = try ViTConfiguration.preset(model)
    self.batch = batch
    self.method = method
    self.repeats = repeats
  }

  /// The three products of every kind of linear layer, as the simulated engine computes them.
  public func products(_ report: (BenchmarkResult) -> Void) {
    let n = batch * shape.tokens
    for (layer, d, c) in [
      ("qkv", shape.width, 3 * shape.width), ("proj", shape.width, shape.width),
      ("fc1", shape.width, shape.hidden), ("fc2", shape.hidden, shape.width),
    ] {
      let (x, w, y) = (Sample(n, d, seed: 1), Sample(c, d, seed: 2), Sample(n, c, seed: 3))
      let bias = Sample(1, c, seed: 4)
      let products: [(String, () -> Void)] = [
        (
          "y",
          { SimulatedProducts.forward(x.matrix, w.matrix, bias: bias.matrix.base, y: y.matrix) }
        ),
        ("dx", { SimulatedProducts.inputGradient(y.matrix, w.matrix, dx: x.matrix) }),
        ("dw", { SimulatedProducts.weightGradient(y.matrix, x.matrix, dw: w.matrix) }),
      ]
      for (product, body) in products {
        let seconds = medianSeconds(warmups: 2, repeats: repeats, body)
        var line = line("gemm")
        line.add("layer", layer)
        line.add("product", product)
        line.add("n", n)
        line.add("d", d)
        line.add("c", c)
        let gops = 2 * Double(n) * Double(d) * Double(c) / seconds / 1e9
        report(
          result(
            line, seconds, ("gops", gops), text: "\(name) \(layer) \(product) [\(n), \(d), \(c)]"))
      }
    }
  }

  /// The quantizers: every rounding along both axes of batch · tokens × hidden numbers.
  ///
  /// - Throws: nothing on the finite numbers it makes.
  public func quantizers(_ report: (BenchmarkResult) -> Void) throws {
    let (rows, columns) = (batch * shape.tokens, shape.hidden)
    let (x, out) = (Sample(rows, columns, seed: 1), Sample(rows, columns, seed: 2))
    let random = RandomStream(seed: 0, purpose: .benchmark)
    for rounding in Rounding.allCases {
      for axis in GroupAxis.allCases {
        let seconds = try medianSeconds(warmups: 1, repeats: repeats) {
          try fakeQuantize(
            x.matrix, ema: x.matrix.base, into: out.matrix, axis: axis,
            QuantizerRecipe(rounding: rounding), random: random, tensor: "the sample")
        }
        var line = line("quantize")
        line.add("rounding", rounding.rawValue)
        line.add("axis", axis.rawValue)
        line.add("rows", rows)
        line.add("columns", columns)
        let gops = Double(rows * columns) / seconds / 1e9
        report(
          result(
            line, seconds, ("gops", gops), text: "\(rounding.rawValue) along \(axis.rawValue)"))
      }
    }
  }

  /// Whole training steps: forward, backward, AdamW.
  ///
  /// - Throws: `NonFiniteTensor` where the arithmetic breaks down.
  public func step(_ report: (BenchmarkResult) -> Void) throws {
    var recipe = Recipe()
    recipe.method = method
    recipe.linear = method.linearRecipe
    recipe.model = shape
    let training = try TrainingStep(recipe)
    let images = Sample(batch, shape.channels * shape.imageSize * shape.imageSize, seed: 1)
    let labels = (0..<batch).map { $0 % shape.classes }
    var step = 0
    let seconds = try medianSeconds(warmups: 2, repeats: repeats) {
      _ = try training.run(images.matrix.base, labels: labels, step: step, learningRate: 1e-4)
      step += 1
    }
    var line = line("step")
    line.add("peak_memory_mb", ProcessUsage.peakMemory)
    report(
      result(
        line, seconds, ("images_per_second", Double(batch) / seconds),
        text: "\(name) batch \(batch) \(method.rawValue)"))
  }

  /// What every line begins with.
  private func line(_ benchmark: String) -> JSONLine {
    var line = JSONLine()
    line.add("bench", benchmark)
    line.add("model", name)
    line.add("batch", batch)
    line.add("method", method.rawValue)
    line.add("engine", Engine.simulated.rawValue)
    return line
  }

  private func result(
    _ line: JSONLine, _ seconds: Double, _ rate: (name: String, value: Double), text: String
  ) -> BenchmarkResult {
    var line = line
    line.add("seconds", seconds)
    line.add(rate.name, rate.value)
    line.add("threads", Threads.count)
    line.add("isa", Kernels.current.name)
    return BenchmarkResult(
      line: line, text: text, seconds: seconds, rate: rate.value,
      unit: rate.name == "images_per_second" ? "images/s" : rate.name)
  }
}

/// A matrix of normal numbers with memory of its own.
private struct Sample {
  let buffer: AlignedBuffer<Float>
  let matrix: FloatMatrix

  init(_ rows: Int, _ columns: Int, seed: UInt64) {
    let random = RandomStream(seed: seed, purpose: .benchmark)
    buffer = AlignedBuffer(count: rows * columns)
    matrix = FloatMatrix(buffer.base, rows: rows, columns: columns)
    let base = buffer.base
    parallelRanges(rows * columns, length: 1 << 16) { range in
      for index in range { base[index] = random.normal(index) }
    }
  }
}
