import MXCompute
import TestSupport
import Testing

@Suite("Every operation gives the bits of its definition")
struct ReferenceTests {
  private static func compare(_ name: String, _ body: (inout Trial) -> Void) throws {
    var (definition, tried) = (
      Trial(Reference()), Trial(try #require(CPU.named(name)).on(threads: 3))
    )
    body(&definition)
    body(&tried)
    #expect(!definition.results.isEmpty && definition.results.count == tried.results.count)
    for (expected, found) in zip(definition.results, tried.results) {
      let isSame = expected.bits == found.bits
      #expect(isSame, "\(expected.name)")
    }
  }

  @Test("operands and products of codes", arguments: CPU.names)
  func operands(name: String) throws { try Self.compare(name) { $0.operands() } }

  @Test("layers", arguments: CPU.names)
  func layers(name: String) throws { try Self.compare(name) { $0.layers() } }

  @Test(
    "attention, where the hardware multiplies and adds at once",
    arguments: CPU.names.filter { $0 != "portable" }, OperandPrecision.allCases)
  func attention(name: String, precision: OperandPrecision) throws {
    try Self.compare(name) { $0.attention(precision) }
  }

  @Test(
    "attention of very small and very large numbers, and of such that are none",
    arguments: CPU.names.filter { $0 != "portable" }, OperandPrecision.allCases)
  func extremeAttention(name: String, precision: OperandPrecision) throws {
    try Self.compare(name) { $0.attentionOfExtremes(precision) }
  }

  @Test("numbers that are made while they are read", arguments: CPU.names)
  func lazyMatrices(name: String) throws { try Self.compare(name) { $0.lazyMatrices() } }

  @Test(
    "products in single precision, where the hardware multiplies and adds at once",
    arguments: CPU.names.filter { $0 != "portable" })
  func floatProducts(name: String) throws { try Self.compare(name) { $0.floatProducts() } }

  @Test("rows", arguments: CPU.names)
  func rows(name: String) throws { try Self.compare(name) { $0.rows() } }

  @Test("the optimizer and the movement of weights", arguments: CPU.names)
  func optimizer(name: String) throws { try Self.compare(name) { $0.optimizer() } }
}
