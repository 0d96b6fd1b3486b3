import MXCompute
import MXFormats
import MXRuntime

extension Benchmarks {
  /// The quantizers on batch · tokens × hidden numbers: every rounding along both axes, and under the packed
  /// engine the requantization of codes along the other axis.
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
    let arena = Arena(chunkCount: 1 << 20)
    func encoding(_ rounding: Rounding) -> Encoding {
      let quantizer = QuantizerRecipe(format: format ?? .mxfp4, rounding: rounding)
      let isPacked = engine == .packed && quantizer.format.isPackable
      return isPacked ? .codes(quantizer) : .rounded(quantizer)
    }
    for rounding in Rounding.allCases {
      for axis in GroupAxis.allCases {
        try measure(rounding, axis, from: "floats") {
          arena.scratch {
            _ = cpu.encode(
              x.matrix, averages: x.matrix, axis: axis, encoding(rounding), random: random,
              arena: arena)
          }
        }
      }
      guard encoding(rounding).isCodes, rounding != .ema else { continue }
      try arena.scratch {
        let source = cpu.encode(
          x.matrix, averages: nil, axis: .rows, encoding(.nearestEven), random: random,
          arena: arena
        ).operand
        try measure(rounding, .columns, from: "codes") {
          arena.scratch {
            _ = cpu.recode(
              source, axis: .columns, encoding(rounding), random: random, arena: arena)
          }
        }
      }
    }
  }
}
