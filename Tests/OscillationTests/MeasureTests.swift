import MXCompute
import MXFormats
import MXLinear
import MXRuntime
import Oscillation
import TestSupport
import Testing

/// One quantized tensor of a shape.
func oneTensor(_ rows: Int, _ columns: Int) -> ParameterTable {
  var table = ParameterTable()
  _ = table.add("bias", [5], decays: false)
  _ = table.add("weight", [rows, columns], decays: true, quantized: true)
  return table
}

/// A flat buffer with these numbers behind the five of the bias.
func buffer(_ values: some Collection<Float>) -> AlignedBuffer<Float> {
  let buffer = AlignedBuffer<Float>(count: 5 + values.count)
  for (index, value) in values.enumerated() { buffer.base[5 + index] = value }
  return buffer
}

@Suite("What is measured of oscillating weights")
struct MeasureTests {
  let arena = Arena(chunkCount: 1 << 16)

  @Test("oscillation ratio, period and confidence agree with the golden vectors")
  func golden() throws {
    let file = try Golden.open("oscillation")
    let shape = try file.entry("weights").shape
    let (rows, columns) = (shape[1], shape[2])
    let count = rows * columns
    let weights = try file.floats("weights", shape: [31, rows, columns])
    let ratio = try file.floats("oscillation_ratio").map(Double.init)
    let period = try file.floats("period_k1_16_k2_5").map { Int($0) }
    let confidence = try file.floats("quantization_confidence").map(Double.init)
    let quantizer = WeightQuantizer(oneTensor(rows, columns), LinearRecipe.tetrajet[.q2])
    let window = MovementWindow(quantizer, cpu, arena: arena)
    let steps = (0..<31).map { buffer(weights[$0 * count..<($0 + 1) * count]) }
    window.begin(steps[0], averages: nil)
    for step in steps.dropFirst() { window.add(step, averages: nil) }
    for element in 0..<count {
      let found = window.ratio(5 + element)
      #expect(abs(Double(found) - ratio[element]) <= 1e-5 * ratio[element])
      #expect(
        Int(RampingRule(k1: 16, k2: 5, limit: 0x1p20).period(found)) == period[element])
    }
    let measured = QuantizationConfidence(steps[30], quantizer, by: cpu)
    let mean = confidence.reduce(0, +) / Double(count)
    #expect(abs(measured.all.mean - mean) < 1e-6)
    var histogram = [Int](repeating: 0, count: 20)
    for value in confidence { histogram[min(Int(value * 20), 19)] += 1 }
    #expect(measured.all.histogram == histogram)
    #expect(measured.layers.map(\.name) == ["weight"])
    let statistics = OscillationStatistics(window)
    #expect(statistics.oscillatingShare == Double(ratio.count { $0 > 16 }) / Double(count))
    #expect(abs(Double(statistics.ratioPercentiles[3].value) - ratio.max()!) < 1e-3)
  }

  @Test("confidence is 0 on thresholds, 1 in the middle of a bin and beyond the grid")
  func confidence() {
    let e2m1 = { ConfidenceGrid(.e2m1).confidence($0) }
    for threshold: Float in [0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5] { #expect(e2m1(threshold) == 0) }
    for middle: Float in [0, 0.5, 1, 1.5, 3, 6, 7.5, .infinity] { #expect(e2m1(middle) == 1) }
    // 2 lies in the bin 1.75…2.5, which is wider above.
    #expect(abs(e2m1(2) - 2.0 / 3) < 1e-6 && abs(e2m1(5.25) - 0.25) < 1e-6)
    #expect(ConfidenceGrid(.e3m0).confidence(12) == 0)
  }

  @Test("confidence is told in the scales of every format", arguments: BlockFormat.allCases)
  func confidenceOfFormats(format: BlockFormat) {
    var random = TestRandom(seed: 31)
    let (rows, columns) = (5, 40)
    let values = random.normals(rows * columns)
    let matrix = Quantizer(format: format).quantize(values, rows: rows, columns: columns)
    let grid = ConfidenceGrid(format.elements)
    let expected = values.enumerated().reduce(0.0) { sum, element in
      let scale = matrix.scale(row: element.offset / columns, column: element.offset % columns)
      return sum + Double(grid.confidence(element.element.magnitude / scale))
    }
    let x = Owned(values, rows: rows, columns: columns)
    let found = cpu.confidence(x.matrix, QuantizerRecipe(format: format))
    #expect(
      found.histogram.reduce(0, +) == values.count && found.latent.reduce(0, +) == values.count)
    #expect(abs(found.mean - expected / Double(values.count)) < 1e-9)
  }

  @Test("a window counts flips, scale flips and rates of change as defined")
  func window() {
    let quantizer = WeightQuantizer(oneTensor(1, 34), LinearRecipe.tetrajet[.q2])
    let window = MovementWindow(quantizer, cpu, arena: arena)
    // Two groups: one of 32 with the largest magnitude 6, one of 2 with 1.
    var values = [Float](repeating: 1, count: 34)
    values[0] = 6
    window.begin(buffer(values), averages: nil)
    #expect(window.sums.steps == 0 && window.rates.weight == 0)
    values[1] = 1.3  // 1 → 1.5
    values[32] = 2  // The second group's scale doubles; nothing else becomes another number.
    window.add(buffer(values), averages: nil)
    #expect(window.sums.steps == 1 && window.sums.flips == 2 && window.sums.scaleFlips == 1)
    let squares = 36.0 + 33
    #expect(abs(window.rates.weight - ((0.09 + 1) / squares).squareRoot()) < 1e-6)
    #expect(abs(window.rates.quantized - ((0.25 + 1) / squares).squareRoot()) < 1e-6)
    values[1] = 1
    window.add(buffer(values), averages: nil)
    #expect(window.sums.flips == 3 && window.sums.scaleFlips == 1)
    #expect(abs(window.ratio(5 + 1) - 1 / 0.6) < 1e-5)
    #expect(window.ratio(5 + 2) == 0)
    // Begun again, it forgets.
    window.begin(buffer(values), averages: nil)
    #expect(window.ratio(5 + 1) == 0 && window.sums.flips == 0)
  }

  @Test(
    "rates of change are averaged over tensors, and beside that those of all weights as one vector")
  func ratesByTensor() {
    var table = ParameterTable()
    _ = table.add("bias", [5], decays: false)
    _ = table.add("large", [1, 32], decays: true, quantized: true)
    _ = table.add("small", [1, 32], decays: true, quantized: true)
    let window = MovementWindow(
      WeightQuantizer(table, LinearRecipe.tetrajet[.q2]), cpu, arena: arena)
    var values = [Float](repeating: 6, count: 32) + [Float](repeating: 0.5, count: 32)
    window.begin(buffer(values), averages: nil)
    values[40] = 0.75  // |Δw| = .25 of a tensor of norm .5·√32.
    window.add(buffer(values), averages: nil)
    let change = 0.25 / (0.5 * 32.0.squareRoot())
    #expect(abs(window.rates.weight - change / 2) < 1e-9)
    #expect(abs(window.wholeRates.weight - 0.25 / (32 * 36 + 32 * 0.25).squareRoot()) < 1e-9)
    #expect(window.rates.quantized > 5 * window.wholeRates.quantized)
  }

  @Test("the distribution of latent weights reaches as far as a format's largest magnitude may")
  func latentRange() {
    var recipe = LinearRecipe.tetrajet
    recipe[.q2] = QuantizerRecipe(format: .mxe3m0, scaleRule: .floor)
    // Against a scale of 1, 31 lies at the end of E3M0's range and far outside of E2M1's.
    var values = [Float](repeating: 0, count: 32)
    (values[0], values[1]) = (31, 12)
    let quantizer = WeightQuantizer(oneTensor(1, 32), recipe[.q2])
    let latent = QuantizationConfidence(buffer(values), quantizer, by: cpu).all.latent
    #expect(ConfidenceGrid(.e3m0).latentRange == 32)
    #expect(ConfidenceGrid(.e2m1).latentRange == 8)
    #expect(latent[Int((31 + 32.0) / 64 * 128)] == 1 && latent[Int((12 + 32.0) / 64 * 128)] == 1)
    #expect(latent[64] == 30)
  }

  @Test("weights are quantized as the forward pass does it, tensors of others left alone")
  func quantizer() {
    var random = TestRandom(seed: 130)
    let (rows, columns) = (19, 50)
    let values = random.normals(rows * columns)
    let averages = values.map { $0 + 0.05 * random.normal() }
    var recipe = LinearRecipe.tetrajet
    recipe[.q2]?.rounding = .ema
    let quantizer = WeightQuantizer(oneTensor(rows, columns), recipe[.q2])
    let out = buffer([Float](repeating: .nan, count: rows * columns))
    let scales = AlignedBuffer<UInt8>(count: quantizer.groupCount)
    for average in [nil, averages] {
      quantizer.quantize(
        buffer(values), averages: average.map { buffer($0) }, into: out.matrix(), scales: scales,
        by: cpu, arena: arena)
      let expected = Quantizer(rounding: average == nil ? .nearestEven : .ema)
        .quantize(values, rows: rows, columns: columns, ema: average)
      #expect(Array(out.elements.dropFirst(5)) == expected.values)
      #expect(Array(scales.elements) == expected.scales)
      #expect(out.elements.prefix(5).allSatisfy { $0 == 0 })
    }
  }

  @Test("trajectories keep the liveliest of the weights that are watched, with codes and scales")
  func trajectories() {
    let quantizer = WeightQuantizer(oneTensor(2, 64), LinearRecipe.tetrajet[.q2])
    let window = MovementWindow(quantizer, cpu, arena: arena)
    let trajectories = Trajectories(window, candidates: 64)
    var values = [Float](repeating: 0.5, count: 128)
    for row in 0..<4 { values[row * 32] = -6 }
    window.begin(buffer(values), averages: nil)
    for step in 0..<6 {
      values[70] = step % 2 == 0 ? 0.9 : 0.5  // Row 1, column 6: watched, every second weight is.
      values[72] = 0.5 + Float(step) / 10
      window.add(buffer(values), averages: nil)
      trajectories.add(buffer(values))
    }
    let paths = trajectories.liveliest(2)
    #expect(paths[0].name == "weight" && paths[0].row == 1 && paths[0].column == 6)
    #expect(paths[0].quantized == [1, 0.5, 1, 0.5, 1, 0.5] && paths[0].code == [2, 1, 2, 1, 2, 1])
    #expect(paths[0].scaleExponent == [Int](repeating: 0, count: 6))
    #expect(paths[1].column == 8 && paths[1].latent.count == 6)
    #expect(trajectories.liveliest(1000).count == 64)
  }

  @Test(
    "where scales are no powers of two, paths have them, and their bytes",
    arguments: [BlockFormat.nvfp4, .nvfp4Runs, .int4])
  func numberScales(format: BlockFormat) throws {
    let recipe = QuantizerRecipe(format: format)
    let quantizer = WeightQuantizer(oneTensor(2, 160), recipe)
    let window = MovementWindow(quantizer, cpu, arena: arena)
    let trajectories = Trajectories(window, candidates: 320)
    var random = TestRandom(seed: 131)
    var values = random.normals(320).enumerated().map { $0 % 160 < 128 ? $1 : 9 * $1 }
    window.begin(buffer(values), averages: nil)
    for step in 0..<4 {
      // The largest weight moves every outer scale a little.
      values[150] = 40 + 0.01 * Float(step)
      // Across a threshold: in INT4 one of the whole matrix.
      values[3] = step % 2 == 0 ? 0.1 : format == .int4 ? 6 : 0.8
      window.add(buffer(values), averages: nil)
      trajectories.add(buffer(values))
    }
    let expected = Quantizer(format: format).quantize(values, rows: 2, columns: 160)
    for path in trajectories.liveliest(320) {
      let scale = try #require(path.scale.last)
      #expect(path.scaleExponent.isEmpty && path.scale.count == 4 && path.scaleByte.count == 4)
      #expect(scale == expected.scale(row: path.row, column: path.column))
      #expect(path.code.last == Int(expected.codes[path.row * 160 + path.column]))
      #expect(path.quantized.last == expected.value(row: path.row, column: path.column))
    }
    let first = try #require(trajectories.liveliest(1).first)
    #expect(first.row == 0 && first.column == 3)
  }

  @Test("the liveliest are those whose codes flip, and not those whose group changes its scale")
  func scaleFlips() {
    let quantizer = WeightQuantizer(oneTensor(1, 64), LinearRecipe.tetrajet[.q2])
    let window = MovementWindow(quantizer, cpu, arena: arena)
    let trajectories = Trajectories(window, candidates: 64)
    var values = [Float](repeating: 0.5, count: 64)
    window.begin(buffer(values), averages: nil)
    for step in 0..<8 {
      // The largest weight of the first group takes its scale up and down, and with it every code there.
      values[0] = step % 2 == 0 ? 6 : 12
      values[32] = 6
      values[40] = step < 4 ? 0.9 : 0.5
      window.add(buffer(values), averages: nil)
      trajectories.add(buffer(values))
    }
    #expect(window.sums.scaleFlips > 4)
    let paths = trajectories.liveliest(64)
    #expect(paths[0].column == 40 && paths[0].codeFlips == 1)
    // Those of the first group change their quantized values or codes at every step, and flip by themselves at none.
    let first = paths.filter { (1..<32).contains($0.column) }
    #expect(first.allSatisfy { $0.codeFlips == 0 && Set($0.code).count == 2 })
  }
}
