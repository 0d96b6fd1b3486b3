import Files
import MXCompute
import MXFormats
import MXRuntime
import TestSupport
import Testing

/// Quantized values; groups that are broken are left as they are.
func packed(
  _ values: [Float], rows: Int, columns: Int, axis: GroupAxis, _ recipe: QuantizerRecipe,
  ema: [Float]? = nil, random: RandomStream, on cpu: CPU
) -> MXMatrix {
  let x = Owned(values, rows: rows, columns: columns)
  let averages = ema.map { Owned($0, rows: rows, columns: columns) }
  var matrix = MXMatrix(rows: rows, columns: columns, axis: axis, format: recipe.format)
  try? matrix.quantize(x.matrix, averages: averages?.matrix, recipe, random: random, on: cpu)
  return matrix
}

@Suite("Packed matrices equal the oracle's on every instruction set")
struct PackedMatrixTests {
  static let shapes = [
    (1, 1), (1, 31), (3, 33), (16, 32), (17, 64), (33, 50), (50, 80), (197, 64),
  ]
  static let stream = RandomStream(seed: 0x1234_5678_9ABC, purpose: .q3, step: 5, layer: 9)

  /// What the oracle makes of numbers, with the random bits of `stream`.
  static func oracle(
    _ recipe: QuantizerRecipe, _ axis: GroupAxis, _ values: [Float], rows: Int, columns: Int,
    ema: [Float]? = nil
  ) -> QuantizedMatrix {
    Quantizer(
      format: recipe.format, scaleRule: recipe.scaleRule, rounding: recipe.rounding, axis: axis
    ).quantize(
      values, rows: rows, columns: columns, ema: ema,
      randomBits: { stream.roundingBits(row: $0, column: $1) })
  }

  @Test(
    "in codes and scales, for every scale rule, rounding and axis, on ragged shapes and extreme values",
    arguments: BlockFormat.packable)
  func matchesOracle(format: BlockFormat) {
    var random = TestRandom(seed: 80)
    for (rows, columns) in Self.shapes {
      for values in [random.normals(rows * columns), random.extremes(rows * columns)] {
        let ema = zip(values, random.normals(rows * columns)).map { $0 + 0.05 * $1 * $0 }
        for rule in ScaleRule.allCases {
          for rounding in Rounding.allCases {
            for axis in GroupAxis.allCases {
              let recipe = QuantizerRecipe(format: format, scaleRule: rule, rounding: rounding)
              let expected = Self.oracle(
                recipe, axis, values, rows: rows, columns: columns, ema: ema)
              let expectedBytes = MXMatrix(expected).bytes
              for cpu in CPU.available {
                let matrix = packed(
                  values, rows: rows, columns: columns, axis: axis, recipe, ema: ema,
                  random: Self.stream, on: cpu)
                let label = "\(cpu.name) \(rows)×\(columns) \(rule) \(rounding) \(axis)"
                #expect(matrix.quantized == expected, "\(label)")
                // What lies beyond the matrix must be zeros: products read it.
                #expect(matrix.bytes == expectedBytes, "\(label): padding")
              }
            }
          }
        }
      }
    }
  }

  @Test(
    "codes that lie as in published checkpoints are taken over word by word",
    arguments: [BlockFormat.mxfp4, .mxe3m0])
  func published(format: BlockFormat) {
    var random = TestRandom(seed: 81)
    for (rows, columns) in Self.shapes {
      let matrix = random.quantizedMatrix(
        format, rows: rows, columns: columns, scales: [0, 1, 127, 254, 255])
      let copy = MXMatrix(rows: rows, columns: columns, axis: .rows, format: format)
      // Nothing of what was there stays.
      copy.view.codes.update(repeating: 0xff, count: copy.byteCount)
      copy.view.write(PackedMatrix(packing: matrix))
      #expect(copy.quantized == matrix, "\(rows)×\(columns)")
      #expect(copy.bytes == MXMatrix(matrix).bytes, "\(rows)×\(columns): padding")
    }
  }

  @Test(
    "a group with a NaN or an infinity gets scale byte 255 and codes 0, and is counted",
    arguments: GroupAxis.allCases, BlockFormat.packable)
  func broken(axis: GroupAxis, format: BlockFormat) {
    for (rows, columns) in [(64, 50), (33, 47)] {
      var values = [Float](repeating: 1, count: rows * columns)
      values[33] = .nan
      values[32 * columns + 7] = -.infinity
      values[32 * columns + columns - 1] = .infinity
      let x = Owned(values, rows: rows, columns: columns)
      for rounding in [Rounding.nearestEven, .stochastic] {
        let recipe = QuantizerRecipe(format: format, rounding: rounding)
        let expected = Self.oracle(recipe, axis, values, rows: rows, columns: columns)
        #expect(expected.scales.count { $0 == 255 } == 3)
        for cpu in CPU.available {
          var matrix = MXMatrix(rows: rows, columns: columns, axis: axis, format: format)
          do throws(NonFiniteGroups) {
            try matrix.quantize(x.matrix, recipe, random: Self.stream, on: cpu)
            Issue.record("\(cpu.name) \(rows)×\(columns) \(rounding): nothing thrown")
          } catch {
            #expect(error.count == 3, "\(cpu.name) \(rows)×\(columns) \(rounding)")
          }
          #expect(matrix.quantized == expected, "\(cpu.name) \(rows)×\(columns) \(rounding)")
        }
      }
    }
  }

  @Test("quantizing into used memory leaves nothing of what was there", arguments: CPU.names)
  func reused(name: String) throws {
    let cpu = try #require(CPU.named(name))
    var random = TestRandom(seed: 81)
    for (rows, columns) in Self.shapes {
      let values = random.normals(rows * columns)
      let x = Owned(values, rows: rows, columns: columns)
      let recipe = QuantizerRecipe()
      for axis in GroupAxis.allCases {
        var matrix = MXMatrix(rows: rows, columns: columns, axis: axis)
        matrix.view.codes.update(repeating: 0xFF, count: matrix.byteCount)
        try matrix.quantize(x.matrix, recipe, random: Self.stream, on: cpu)
        let expected = MXMatrix(Self.oracle(recipe, axis, values, rows: rows, columns: columns))
        #expect(matrix.bytes == expected.bytes, "\(rows)×\(columns) \(axis)")
      }
      let source = try MXMatrix(quantizing: values.span, rows: rows, columns: columns, on: cpu)
      var matrix = MXMatrix(rows: rows, columns: columns, axis: .columns)
      matrix.view.codes.update(repeating: 0xFF, count: matrix.byteCount)
      try matrix.requantize(source, recipe, random: Self.stream, on: cpu)
      let fresh = try source.requantizedAlongColumns(recipe, random: Self.stream, on: cpu)
      #expect(matrix.bytes == fresh.bytes, "\(rows)×\(columns) again")
    }
  }

  @Test(
    "requantized along columns they are what the oracle makes of the oracle's values",
    arguments: BlockFormat.packable, BlockFormat.packable)
  func requantized(from source: BlockFormat, to format: BlockFormat) {
    var random = TestRandom(seed: 82)
    // Scales at both ends and NaN; products with code 7 of byte 254 are infinite.
    let wild: [UInt8] = [0, 1, 2, 100, 126, 127, 128, 252, 253, 254, 255]
    for (rows, columns) in Self.shapes {
      let first = QuantizerRecipe(format: source)
      let sources = [
        Self.oracle(first, .rows, random.normals(rows * columns), rows: rows, columns: columns),
        Self.oracle(first, .rows, random.extremes(rows * columns), rows: rows, columns: columns),
        // A half of the codes of random matrices have the sign of zero set or not, as it comes.
        random.quantizedMatrix(source, rows: rows, columns: columns, scales: Array(120...134)),
        random.quantizedMatrix(source, rows: rows, columns: columns, scales: wild),
      ]
      for quantized in sources {
        let values = quantized.values
        let matrix = MXMatrix(quantized)
        for rule in ScaleRule.allCases {
          for rounding in Rounding.allCases where rounding != .ema {
            let recipe = QuantizerRecipe(format: format, scaleRule: rule, rounding: rounding)
            let expected = Self.oracle(recipe, .columns, values, rows: rows, columns: columns)
            let expectedBytes = MXMatrix(expected).bytes
            let expectedCount = expected.scales.count { $0 == 255 }
            for cpu in CPU.available {
              var result = MXMatrix(rows: rows, columns: columns, axis: .columns, format: format)
              var count = 0
              do throws(NonFiniteGroups) {
                try result.requantize(matrix, recipe, random: Self.stream, on: cpu)
              } catch { count = error.count }
              let label = "\(cpu.name) \(rows)×\(columns) \(rule) \(rounding)"
              #expect(result.quantized == expected, "\(label)")
              #expect(result.bytes == expectedBytes, "\(label): padding")
              #expect(count == expectedCount, "\(label)")
            }
          }
        }
      }
    }
  }

  @Test("numbers that have no scale are said, in how many groups they are")
  func nonFinite() throws {
    var values = [Float](repeating: 1, count: 4 * 64)
    (values[3], values[40], values[200]) = (.nan, .infinity, -.infinity)
    #expect(throws: NonFiniteGroups.self) {
      _ = try MXMatrix(quantizing: values.span, rows: 4, columns: 64, on: cpu).byteCount
    }
    do throws(NonFiniteGroups) {
      _ = try MXMatrix(quantizing: values.span, rows: 4, columns: 64, axis: .columns, on: cpu)
    } catch {
      #expect(
        "\(error)" == "3 groups hold a NaN or an infinity, for which there is no scale")
    }
  }

  @Test("negative zeros stay negative when they are requantized", arguments: CPU.names)
  func negativeZeros(name: String) throws {
    let cpu = try #require(CPU.named(name))
    let values: [Float] = (0..<33 * 35).map { $0 % 3 == 0 ? -0.0 : $0 % 3 == 1 ? 0 : -1 }
    let matrix = try MXMatrix(quantizing: values.span, rows: 33, columns: 35, on: cpu)
      .requantizedAlongColumns(QuantizerRecipe(), random: Self.stream, on: cpu)
    #expect(matrix.quantized.values.map(\.bitPattern) == values.map(\.bitPattern))
  }
}

@Suite("Packed matrices")
struct PackedMatrixLayoutTests {
  @Test(
    "give back the codes and scales they were made of", arguments: GroupAxis.allCases,
    BlockFormat.packable)
  func roundTrip(axis: GroupAxis, format: BlockFormat) {
    var random = TestRandom(seed: 83)
    for (rows, columns) in PackedMatrixTests.shapes {
      var quantized = random.quantizedMatrix(
        format, rows: rows, columns: columns, scales: Array(0...255))
      if axis == .columns { quantized = quantized.transposed }
      let matrix = MXMatrix(quantized)
      #expect(matrix.quantized == quantized)
      #expect(matrix.rows == quantized.rows && matrix.columns == quantized.columns)
      #expect(matrix.lanes == rows && matrix.axis == axis && matrix.format == format)
    }
  }

  @Test("unpacked into numbers they are the oracle's values", arguments: CPU.names)
  func unpacked(name: String) throws {
    let cpu = try #require(CPU.named(name))
    var random = TestRandom(seed: 84)
    for format in BlockFormat.packable {
      for (rows, columns) in PackedMatrixTests.shapes {
        let quantized = random.quantizedMatrix(
          format, rows: rows, columns: columns, scales: Array(0...255))
        let matrix = MXMatrix(quantized)
        let out = Owned(rows: rows, columns: columns)
        cpu.unpack(matrix.view, into: out.matrix)
        #expect(sameBits(out.values, quantized.values), "\(format) \(rows)×\(columns)")
      }
    }
  }

  @Test("take 4.25 bits an element of whole panels of 16 lanes and groups of 32")
  func byteCount() {
    #expect(MXMatrix(rows: 16, columns: 32, axis: .rows).byteCount == 16 * 32 * 17 / 32)
    #expect(MXMatrix(rows: 1, columns: 1, axis: .rows).byteCount == 272)
    // 13 panels × 3 groups, and 5 panels × 7 groups.
    #expect(MXMatrix(rows: 197, columns: 65, axis: .rows).byteCount == 13 * 3 * 272)
    #expect(MXMatrix(rows: 197, columns: 65, axis: .columns).byteCount == 5 * 7 * 272)
    #expect(MXMatrix(rows: 0, columns: 5, axis: .rows).byteCount == 0)
  }

  @Test("are the same bytes from one thread and from three", arguments: Rounding.allCases)
  func threads(rounding: Rounding) throws {
    var random = TestRandom(seed: 85)
    // Several slices of rows, the last one ragged.
    let (rows, columns) = (1005, 200)
    let values = random.normals(rows * columns)
    let ema = rounding == .ema ? random.normals(rows * columns) : nil
    let recipe = QuantizerRecipe(rounding: rounding)
    let stream = PackedMatrixTests.stream
    func bytes(_ threads: Int, _ axis: GroupAxis) -> [UInt8] {
      packed(
        values, rows: rows, columns: columns, axis: axis, recipe, ema: ema, random: stream,
        on: cpu.on(threads: threads)
      ).bytes
    }
    for axis in GroupAxis.allCases {
      let expected = PackedMatrixTests.oracle(
        recipe, axis, values, rows: rows, columns: columns, ema: ema)
      let one = bytes(1, axis)
      #expect(one == MXMatrix(expected).bytes)
      #expect(one == bytes(3, axis))
    }
    guard rounding != .ema else { return }
    let source = packed(
      values, rows: rows, columns: columns, axis: .rows, QuantizerRecipe(), random: stream, on: cpu)
    let again = try [1, 3].map { threads in
      try source.requantizedAlongColumns(
        recipe, random: stream, on: cpu.on(threads: threads)
      ).bytes
    }
    let expected = PackedMatrixTests.oracle(
      recipe, .columns, source.quantized.values, rows: rows, columns: columns)
    #expect(again[0] == MXMatrix(expected).bytes && again[0] == again[1])
  }
}
