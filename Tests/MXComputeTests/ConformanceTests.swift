import MXCompute
import MXFormats
import MXRuntime
import TestSupport
import Testing

@Suite("Whoever computes agrees with the vectors of Documentation/Conformance")
struct ConformanceTests {
  /// The definition, and the processor by each of its instruction sets.
  static let names = [Reference().name] + CPU.names

  static func engine(_ name: String) throws -> any Compute {
    name == Reference().name ? Reference() : try #require(CPU.named(name))
  }

  /// The codes of a matrix by an engine, laid out plainly, and their values where the engine decodes them; and the numbers
  /// that it rounds to without codes.
  static func encoded(
    _ values: [Float], rows: Int, columns: Int, axis: GroupAxis, _ rule: ScaleRule,
    _ format: BlockFormat = .mxfp4, by engine: any Compute
  ) throws -> (codes: QuantizedMatrix, decoded: [Float]?, rounded: [Float]) {
    let x = Owned(values, rows: rows, columns: columns)
    let arena = Arena(chunkCount: 1 << 12)
    let recipe = QuantizerRecipe(format: format, scaleRule: rule)
    func operand(_ encoding: Encoding) -> Encoded {
      engine.encode(
        x.matrix, averages: nil, axis: axis, encoding,
        random: RandomStream(seed: 0, purpose: .q1), arena: arena
      ).operand
    }
    let out = Owned(rows: rows, columns: columns)
    engine.decode(operand(.rounded(recipe)), into: out.matrix)
    let rounded = out.values
    let codes = operand(.codes(recipe))
    guard case .codes(let view) = codes.content else {
      throw NotCodes()
    }
    let plain = view.quantized(axis: axis, outerScale: codes.outerScale ?? 1)
    guard axis == .rows else { return (plain, nil, rounded) }
    engine.decode(codes, into: out.matrix)
    return (plain, out.values, rounded)
  }

  struct NotCodes: Error {}

  /// Compares a matrix whose lanes are rows of the vectors.
  static func check(
    _ rows: [ConformanceVectors.Row], axis: GroupAxis, _ rule: ScaleRule,
    _ format: BlockFormat = .mxfp4, by engine: any Compute
  ) throws {
    let length = rows[0].values.count
    let lanes = rows.map(\.values)
    let values =
      axis == .rows
      ? lanes.flatMap { $0 } : (0..<length).flatMap { place in lanes.map { $0[place] } }
    let found = try encoded(
      values, rows: axis == .rows ? rows.count : length,
      columns: axis == .rows ? length : rows.count, axis: axis, rule, format, by: engine)
    let codes = axis == .rows ? found.codes : found.codes.transposed
    let groups = codes.scales.count / rows.count
    for (lane, row) in rows.enumerated() {
      let expected = try #require(row.expected(by: rule.rawValue))
      #expect(codes.outerScale == expected.outer?.bits.value ?? 1, "\(row.name), \(rule)")
      let label = "\(row.name), \(rule), \(axis) of \(rows.count)"
      let elements = lane * length..<(lane + 1) * length
      #expect(
        Array(codes.scales[lane * groups..<(lane + 1) * groups]) == expected.scales, "\(label)")
      #expect(Array(codes.codes[elements]) == expected.codes, "\(label)")
      let numbers = expected.decoded.map(\.value)
      let rounded = elements.map {
        found.rounded[axis == .rows ? $0 : $0 % length * rows.count + lane]
      }
      #expect(sameBits(rounded, numbers), "\(label), without codes")
      if let decoded = found.decoded {
        #expect(sameBits(Array(decoded[elements]), numbers), "\(label), decoded")
      }
    }
  }

  @Test("row by row, along both axes, by every scale rule", arguments: names, ScaleRule.allCases)
  func rows(name: String, rule: ScaleRule) throws {
    let engine = try Self.engine(name)
    let rows = try ConformanceVectors.rows()
    #expect(rows.count > 50)
    for row in rows {
      for axis in GroupAxis.allCases { try Self.check([row], axis: axis, rule, by: engine) }
    }
  }

  @Test("NVFP4, row by row, along both axes", arguments: names)
  func nvfp4(name: String) throws {
    let engine = try Self.engine(name)
    for row in try ConformanceVectors.nvfp4().cases {
      for rule in BlockFormat.nvfp4.scaleRules {
        for axis in GroupAxis.allCases {
          try Self.check([row], axis: axis, rule, .nvfp4, by: engine)
        }
      }
    }
  }

  @Test(
    "all rows of whole groups as one matrix, along both axes, by every scale rule",
    arguments: names, ScaleRule.allCases)
  func matrix(name: String, rule: ScaleRule) throws {
    let engine = try Self.engine(name)
    let rows = try ConformanceVectors.rows().filter { $0.values.count == 32 }
    for axis in GroupAxis.allCases { try Self.check(rows, axis: axis, rule, by: engine) }
  }

  @Test("the scales of largest magnitudes around each rule's threshold", arguments: names)
  func maxima(name: String) throws {
    let engine = try Self.engine(name)
    let maxima = try ConformanceVectors.scales().maxima
    for axis in GroupAxis.allCases {
      for place in [0, 31] {
        var values = [Float](repeating: 0, count: maxima.count * 32)
        for (lane, entry) in maxima.enumerated() {
          values[axis == .rows ? lane * 32 + place : place * maxima.count + lane] =
            entry.bits.value
        }
        for rule in ScaleRule.allCases {
          let found = try Self.encoded(
            values, rows: axis == .rows ? maxima.count : 32,
            columns: axis == .rows ? 32 : maxima.count, axis: axis, rule, by: engine)
          for (entry, scale) in zip(maxima, found.codes.scales) {
            #expect(scale == entry.scales[rule.rawValue], "\(rule) of \(entry.bits.value)")
          }
        }
      }
    }
  }

  @Test("all codes under the smallest, the largest and the ordinary scales", arguments: names)
  func values(name: String) throws {
    let engine = try Self.engine(name)
    let entries = try ConformanceVectors.scales().values
    let matrix = MXMatrix(
      QuantizedMatrix(
        format: .mxfp4, axis: .rows, rows: entries.count, columns: 16,
        codes: entries.flatMap { _ in (0..<16).map { UInt8($0) } }, scales: entries.map(\.byte)))
    let out = Owned(rows: entries.count, columns: 16)
    engine.decode(Encoded(.codes(matrix.view), axis: .rows), into: out.matrix)
    for (lane, entry) in entries.enumerated() {
      let found = Array(out.values[lane * 16..<lane * 16 + 16])
      #expect(sameBits(found, entry.bits.map(\.value)), "byte \(entry.byte)")
    }
  }
}
