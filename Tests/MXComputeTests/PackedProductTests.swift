import MXCompute
import MXFormats
import MXRuntime
import TestSupport
import Testing

/// From which scale bytes the two operands of a test product draw.
enum ScaleRange: String, CaseIterable {
  /// Of trained tensors.
  case ordinary
  /// Around the largest byte that the kernels multiply without converting to floats first, against
  /// bytes so small that the sums stay finite.
  case largeBySmall, smallByLarge
  /// Sums that are subnormal or vanish.
  case underflow
  /// Sums that pass the largest float, and differences of infinities.
  case overflow
  /// Anything beside anything, NaN among it.
  case wild

  var bytes: (left: [UInt8], right: [UInt8]) {
    let ordinary = Array(UInt8(120)...134)
    let large: [UInt8] = [226, 230, 231, 232, 233, 234, 235, 238]
    let small: [UInt8] = [0, 1, 2, 3]
    let wild: [UInt8] = [0, 1, 2, 120, 127, 134, 232, 233, 253, 254]
    return switch self {
    case .ordinary: (ordinary, ordinary)
    case .largeBySmall: (large, small)
    case .smallByLarge: (small, large)
    case .underflow: (small, Array(100...140))
    case .overflow: ([127, 232, 233, 253, 254], [118, 127, 150, 254])
    // One NaN in a hundred groups leaves most sums numbers.
    case .wild: (wild, Array(repeating: wild, count: 10).joined() + [255])
    }
  }
}

@Suite("Products of packed matrices equal the reference to the bit on every instruction set")
struct PackedProductTests {
  /// M, N, K; contractions of 385 and 800 are longer than a block of the default plan.
  static let shapes = [
    (1, 1, 1), (1, 16, 31), (16, 1, 33), (16, 16, 16), (31, 33, 1), (33, 31, 64), (1, 197, 100),
    (197, 1, 100), (16, 31, 197), (31, 16, 197), (64, 64, 33), (33, 100, 31), (100, 33, 64),
    (64, 197, 16), (197, 64, 31), (100, 100, 100), (197, 197, 33), (33, 64, 385), (64, 33, 197),
    (16, 31, 800), (31, 100, 385), (1, 64, 800), (197, 16, 64), (100, 197, 31), (3, 49, 384),
  ]
  static let formats = BlockFormat.packable.flatMap { a in
    BlockFormat.packable.map { (a, $0) }
  }

  @Test(
    "of random codes, for every pair of formats, on ragged shapes and long contractions",
    arguments: ScaleRange.allCases)
  func equalsReference(scales: ScaleRange) {
    var random = TestRandom(seed: 90)
    var (finite, infinite, broken) = (0, 0, 0)
    for (m, n, k) in Self.shapes {
      for (left, right) in Self.formats {
        let a = random.quantizedMatrix(left, rows: m, columns: k, scales: scales.bytes.left)
        let b = random.quantizedMatrix(right, rows: n, columns: k, scales: scales.bytes.right)
        let expected = referenceProduct(a, b)
        for value in expected {
          if value.isNaN {
            broken += 1
          } else if value.isInfinite {
            infinite += 1
          } else {
            finite += 1
          }
        }
        let packedA = MXMatrix(a)
        let packedB = MXMatrix(b)
        for cpu in CPU.available {
          #expect(
            sameBits(packedA.product(packedB, on: cpu), expected),
            "\(cpu.name) \(left) × \(right), \(m)×\(n)×\(k)")
        }
      }
    }
    // The ranges do what their names say.
    switch scales {
    case .ordinary, .largeBySmall, .smallByLarge, .underflow:
      #expect(finite > 0 && infinite == 0 && broken == 0)
    case .overflow, .wild: #expect(finite > 1000 && infinite > 1000 && broken > 1000)
    }
  }

  @Test("of the largest codes, whose integer sums are the largest there are")
  func largestCodes() {
    for (left, right) in Self.formats {
      for (codeA, codeB) in [(UInt8(7), UInt8(7)), (15, 7), (7, 15), (15, 15)] {
        func matrix(_ format: BlockFormat, _ code: UInt8, rows: Int) -> QuantizedMatrix {
          QuantizedMatrix(
            format: format, axis: .rows, rows: rows, columns: 64,
            codes: Array(repeating: code, count: rows * 64),
            scales: (0..<rows * 2).map { [127, 232, 233, 0][$0 % 4] })
        }
        let (a, b) = (matrix(left, codeA, rows: 18), matrix(right, codeB, rows: 33))
        let expected = referenceProduct(a, b)
        for cpu in CPU.available {
          #expect(
            sameBits(MXMatrix(a).product(MXMatrix(b), on: cpu), expected),
            "\(cpu.name) \(left) × \(right), codes \(codeA) and \(codeB)")
        }
      }
    }
  }

  @Test(
    "whatever the plan, with a bias added last and nothing written beside the result",
    arguments: CPU.names)
  func plans(name: String) throws {
    let cpu = try #require(CPU.named(name))
    var random = TestRandom(seed: 91)
    let arena = Arena(chunkCount: 1 << 12)
    for (m, n, k) in [(33, 50, 70), (100, 197, 385), (16, 48, 800)] {
      let scales = ScaleRange.wild.bytes
      let a = random.quantizedMatrix(.mxfp4, rows: m, columns: k, scales: Array(120...134))
      let b = random.quantizedMatrix(.mxfp4, rows: n, columns: k, scales: Array(120...134))
      let wild = random.quantizedMatrix(.mxe3m0, rows: n, columns: k, scales: scales.right)
      let bias = Owned(random.normals(n), rows: 1, columns: n)
      for right in [b, wild] {
        let reference = referenceProduct(a, right)
        let expected = reference.indices.map { reference[$0] + bias.values[$0 % n] }
        let packedA = MXMatrix(a)
        let packedB = MXMatrix(right)
        for (rows, columns, blocks) in [
          (16, 16, 1), (16, 48, 3), (32, 64, 5), (48, 96, 12), (208, 208, 100),
        ] {
          var plan = ProductPlan(rows: m, columns: n, threads: 1)
          (plan.rows, plan.columns, plan.blocks) = (rows, columns, blocks)
          // A row on either side shows what is written beside the result.
          let guarded = Owned(
            Array(repeating: 7, count: (m + 2) * n), rows: m + 2, columns: n)
          cpu.multiply(
            ProductTerms(packedA.view, packedB.view, bias: bias.matrix),
            into: guarded.matrix.rows(1..<m + 1), arena: arena, plan: plan)
          #expect(sameBits(Array(guarded.values[n..<(m + 1) * n]), expected), "\(plan)")
          #expect((guarded.values[..<n] + guarded.values[((m + 1) * n)...]).allSatisfy { $0 == 7 })
          cpu.multiply(
            ProductTerms(packedA.view, packedB.view), into: guarded.matrix.rows(1..<m + 1),
            arena: arena, plan: plan)
          #expect(sameBits(Array(guarded.values[n..<(m + 1) * n]), reference), "\(plan)")
        }
      }
    }
  }

  @Test("on one thread and on three", arguments: CPU.names)
  func threads(name: String) throws {
    let cpu = try #require(CPU.named(name))
    var random = TestRandom(seed: 92)
    // Several slices in both directions.
    let (m, n, k) = (300, 900, 64)
    let a = try MXMatrix(quantizing: random.normals(m * k).span, rows: m, columns: k, on: cpu)
    let b = try MXMatrix(quantizing: random.normals(n * k).span, rows: n, columns: k, on: cpu)
    let plan = ProductPlan(rows: m, columns: n, threads: 1)
    #expect(plan.rows < m && plan.columns < n)
    let results = [1, 3].map { threads in
      a.product(b, on: cpu.on(threads: threads))
    }
    #expect(results[0] == results[1])
  }

  @Test("into a span of the caller's they are the same")
  func span() throws {
    var random = TestRandom(seed: 93)
    let a = try MXMatrix(quantizing: random.normals(5 * 40).span, rows: 5, columns: 40, on: cpu)
    let b = try MXMatrix(quantizing: random.normals(3 * 40).span, rows: 3, columns: 40, on: cpu)
    var c = [Float](repeating: .nan, count: 15)
    var span = c.mutableSpan
    a.product(b, into: &span, on: cpu)
    #expect(c == a.product(b, on: cpu))
  }

  @Test("with groups along columns they contract the columns")
  func columns() {
    var random = TestRandom(seed: 93)
    let (m, n, k) = (33, 50, 70)
    let a = Quantizer(axis: .columns).quantize(random.normals(k * m), rows: k, columns: m)
    let b = Quantizer(axis: .columns).quantize(random.normals(k * n), rows: k, columns: n)
    let c = Quantizer().quantize(random.normals(n * k), rows: n, columns: k)
    #expect(
      MXMatrix(a).product(MXMatrix(b), on: cpu) == referenceProduct(a.transposed, b.transposed))
    #expect(MXMatrix(a).product(MXMatrix(c), on: cpu) == referenceProduct(a.transposed, c))
    #expect(MXMatrix(c).product(MXMatrix(a), on: cpu) == referenceProduct(c, a.transposed))
  }

  @Test("of empty matrices: no outputs, or sums of nothing")
  func empty() {
    let none = MXMatrix(rows: 0, columns: 33, axis: .rows)
    let some = MXMatrix(rows: 5, columns: 33, axis: .rows)
    #expect(none.product(some, on: cpu).isEmpty && some.product(none, on: cpu).isEmpty)
    let a = MXMatrix(rows: 2, columns: 0, axis: .rows)
    let b = MXMatrix(rows: 3, columns: 0, axis: .rows)
    #expect(a.product(b, on: cpu) == [0, 0, 0, 0, 0, 0])
    let (bias, c) = (Owned([1, 2, 3], rows: 1, columns: 3), Owned(rows: 2, columns: 3))
    a.product(b, bias: bias.matrix, into: c.matrix, arena: Arena(chunkCount: 1), on: cpu)
    #expect(c.values == [1, 2, 3, 1, 2, 3])
  }
}
