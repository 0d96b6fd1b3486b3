import MXCompute
import MXFormats
import MXRuntime

extension Benchmarks {
  /// The quantizers on batch · tokens × hidden numbers: every rounding along both axes, and under the packed
  /// engine the requantization of 4-bit codes along the other axis.
  package func quantizers(_ report: (BenchmarkResult) throws -> Void) throws {
    // The largest activation is the input of the first fc2.
    let layer = shape.layerShapes.first { $0.name.hasSuffix("fc2") }!
    let (rows, columns) = (batch * layer.rows, layer.inputs)
    let x = sample(rows, columns, seed: 1)
    let random = RandomStream(seed: 0, purpose: .benchmark)
    func measure(_ rounding: Rounding, _ axis: GroupAxis, from source: String, _ body: () -> Void)
      throws
    {
      let seconds = medianSeconds(warmups: 1, repeats: repeats, body)
      let rate = Double(rows * columns) / seconds / 1e9
      var line = line("quantize")
      line.add("engine", engine.rawValue)
      line.add("source", source)
      line.add("rounding", rounding.rawValue)
      line.add("axis", axis.rawValue)
      line.add("rows", rows)
      line.add("columns", columns)
      line.add("gops", rate)
      try report(
        result(
          line, seconds, text: "\(rounding.rawValue) along \(axis.rawValue), from \(source)",
          rate: "\(twoDigits(rate)) 10⁹ elements/s"))
    }
    for rounding in Rounding.allCases {
      let quantizer = QuantizerRecipe(rounding: rounding)
      for axis in GroupAxis.allCases {
        if engine == .packed {
          var out = MXMatrix(rows: rows, columns: columns, axis: axis)
          try measure(rounding, axis, from: "floats") {
            try! out.quantize(x.matrix, averages: x.matrix, quantizer, random: random, on: cpu)
          }
        } else {
          let out = sample(rows, columns, seed: 2)
          try measure(rounding, axis, from: "floats") {
            _ = cpu.round(
              x.matrix, averages: x.matrix, into: out.matrix, axis: axis, quantizer,
              random: random)
          }
        }
      }
      if engine == .packed, rounding != .ema {
        let source = x.quantized(.rows, on: cpu)
        var out = MXMatrix(rows: rows, columns: columns, axis: .columns)
        try measure(rounding, .columns, from: "codes") {
          try! out.requantize(source, quantizer, random: random, on: cpu)
        }
      }
    }
  }
}
