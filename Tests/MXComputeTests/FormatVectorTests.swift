import Foundation
import MXCompute
import MXFormats
import MXRuntime
import TestSupport
import Testing

/// `Benchmarks/format_vectors.py` computes them, by NumPy and ml_dtypes from the published definitions.
@Suite("MXFP6, MXFP8 and NVFP4 agree with vectors of another library to the bit")
struct FormatVectorTests {
  private struct Vectors: Decodable {
    struct Case: Decodable {
      let format, rule, rounding: String
      let tries_four: Bool
      let scales, codes: [UInt8]
      let outer: [UInt32]
      let values: [UInt32]

      func quantizer() throws -> Quantizer {
        var quantizer = Quantizer(
          format: try #require(BlockFormat(rawValue: format)),
          scaleRule: try #require(ScaleRule(rawValue: rule)),
          rounding: try #require(Rounding(rawValue: rounding)))
        quantizer.triesFour = tries_four
        return quantizer
      }

      var label: String { "\(format), \(rule)\(tries_four ? ", 4/6" : ""), \(rounding)" }
    }
    let x: [UInt32]
    let draws: [UInt16]
    let cases: [Case]

    static func read() throws -> Vectors {
      let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../Golden/formats.json").standardized
      let vectors = try JSONDecoder().decode(Vectors.self, from: Data(contentsOf: file))
      #expect(vectors.cases.count == 32 && vectors.x.count == 280)
      return vectors
    }

    /// The numbers that a case is of.
    func numbers(_ expected: Case) -> [Float] {
      x[..<expected.codes.count].map(Float.init(bitPattern:))
    }
  }

  @Test("by the definition, in scales, codes and values, to the nearest and by given draws")
  func definition() throws {
    let vectors = try Vectors.read()
    for expected in vectors.cases {
      let label = expected.label
      let numbers = vectors.numbers(expected)
      let found = try expected.quantizer().quantize(
        numbers, rows: 1, columns: numbers.count, randomBits: { vectors.draws[$1] })
      let outer = found.outerScales.isEmpty ? [found.outerScale] : found.outerScales
      #expect(found.scales == expected.scales, "\(label)")
      #expect(outer.map(\.bitPattern) == expected.outer, "\(label)")
      #expect(found.codes == expected.codes, "\(label)")
      #expect(found.values.map(\.bitPattern) == expected.values, "\(label)")
    }
  }

  @Test("by every instruction set, along both axes", arguments: CPU.names)
  func processor(name: String) throws {
    let cpu = try #require(CPU.named(name))
    let vectors = try Vectors.read()
    let arena = Arena(chunkCount: 1 << 12)
    for expected in vectors.cases where expected.rounding == Rounding.nearestEven.rawValue {
      let values = vectors.numbers(expected)
      let quantizer = try expected.quantizer()
      var recipe = QuantizerRecipe(format: quantizer.format, scaleRule: quantizer.scaleRule)
      recipe.triesFour = quantizer.triesFour
      for axis in GroupAxis.allCases {
        let shape = axis == .rows ? (1, values.count) : (values.count, 1)
        let (x, out) = (
          Owned(values, rows: shape.0, columns: shape.1), Owned(rows: shape.0, columns: shape.1)
        )
        func operand(_ encoding: Encoding) -> Encoded {
          cpu.encode(
            x.matrix, averages: nil, axis: axis, encoding,
            random: RandomStream(seed: 0, purpose: .q1), arena: arena
          ).operand
        }
        let label = "\(expected.label), \(axis)"
        let rounded = operand(.rounded(recipe))
        cpu.decode(rounded, into: out.matrix)
        #expect(out.values.map(\.bitPattern) == expected.values, "\(label)")
        if quantizer.format.outerScale == .matrix {
          #expect(rounded.outerScale?.bitPattern == expected.outer.first, "\(label)")
        }
        guard quantizer.format.isPackable else { continue }
        guard case .codes(let view) = operand(.codes(recipe)).content else {
          Issue.record("\(label): no codes")
          continue
        }
        let codes = view.quantized(axis: axis)
        #expect(codes.codes == expected.codes && codes.scales == expected.scales, "\(label)")
        if quantizer.format.outerScale == .runs {
          #expect(codes.outerScales.map(\.bitPattern) == expected.outer, "\(label)")
        }
      }
    }
  }

  @Test(
    "outer scales of runs are the definition's: of zeros, of tiny numbers, beside what is not finite",
    arguments: CPU.names, GroupAxis.allCases)
  func runs(name: String, axis: GroupAxis) throws {
    let cpu = try #require(CPU.named(name))
    var random = TestRandom(seed: 60)
    let (lanes, length) = (40, 300)
    var lane = random.normals(lanes * length)
    for place in 0..<128 {
      (lane[place], lane[length + place]) = (0, lane[length + place] * 0x1p-140)
    }
    (lane[2 * length + 7], lane[3 * length + 200]) = (.nan, .infinity)
    let (rows, columns) = axis == .rows ? (lanes, length) : (length, lanes)
    let values =
      axis == .rows ? lane : (0..<lane.count).map { lane[$0 % lanes * length + $0 / lanes] }
    let x = Owned(values, rows: rows, columns: columns)
    for rule in BlockFormat.nvfp4Runs.scaleRules {
      let expected = Quantizer(format: .nvfp4Runs, scaleRule: rule, axis: axis)
        .quantize(values, rows: rows, columns: columns)
      let arena = Arena(chunkCount: 1 << 12)
      let (found, broken) = cpu.encode(
        x.matrix, averages: nil, axis: axis,
        .codes(QuantizerRecipe(format: .nvfp4Runs, scaleRule: rule)),
        random: RandomStream(seed: 0, purpose: .q1), arena: arena)
      guard case .codes(let view) = found.content else {
        Issue.record("no codes")
        continue
      }
      #expect(view.quantized(axis: axis) == expected && broken == 2)
      #expect(expected.outerScales.contains(1) && expected.outerScales.contains(0x1p-126))
    }
  }

  @Test("NVFP4's scales beside the numbers at which they change", arguments: CPU.names)
  func scalesAtThresholds(name: String) throws {
    let cpu = try #require(CPU.named(name))
    // The largest of a group is six scales of E4M3, and the numbers beside that; the first group has the matrix's largest.
    let outer = BlockFormat.nvfp4.outerScale(largest: 3.3, .truncationFree)
    let largest =
      [Float(3.3)]
      + (UInt8(1)..<126).flatMap { byte -> [Float] in
        let number = 6 * (E4M3(byte: byte).value * outer)
        return [number.nextDown, number, number.nextUp, number.nextUp.nextUp]
      }
    let values = largest.flatMap { [$0] + [Float](repeating: 0, count: 15) }
    let expected = Quantizer(format: .nvfp4).quantize(values, rows: largest.count, columns: 16)
    let x = Owned(values, rows: largest.count, columns: 16)
    let arena = Arena(chunkCount: 1 << 12)
    let found = cpu.encode(
      x.matrix, averages: nil, axis: .rows, .codes(QuantizerRecipe(format: .nvfp4)),
      random: RandomStream(seed: 0, purpose: .q1), arena: arena
    ).operand
    guard case .codes(let view) = found.content else {
      Issue.record("no codes")
      return
    }
    #expect(found.outerScale == expected.outerScale)
    #expect(view.quantized(axis: .rows).scales == expected.scales)
    // For some of them two roundings lead to a scale that the largest number passes.
    let corrected = zip(largest, expected.scales).count { maximum, byte in
      E4M3(notBelow: maximum / expected.outerScale / 6).byte != byte
    }
    #expect(corrected > 0)
  }
}
