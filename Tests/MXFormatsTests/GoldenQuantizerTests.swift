import MXFormats
import TestSupport
import Testing

@Suite("The oracle agrees with the golden vectors bit for bit")
struct GoldenQuantizerTests {
  @Test("codes, scales and values of every format, rule, axis, kind and shape")
  func quantizers() throws {
    let file = try Golden.open("quantizers")
    let cases = file.entries.map(\.name).filter { $0.hasSuffix(".x") }
    #expect(cases.count == (Golden.isWhole ? 80 : 28))
    for name in cases {
      let stem = String(name.dropLast(2))
      let parts = stem.split(separator: ".").map(String.init)
      let shape = try file.entry(name).shape
      let x = try file.floats(name)
      var quantizer = Quantizer(
        format: try #require(BlockFormat(rawValue: parts[0])),
        scaleRule: try #require(ScaleRule(rawValue: parts[1])),
        axis: try #require(GroupAxis(rawValue: parts[2])))
      let result = quantizer.quantize(x, rows: shape[0], columns: shape[1])
      #expect(result.codes == (try file.bytes("\(stem).codes")), "\(stem)")
      #expect(result.scales == (try file.bytes("\(stem).scales")), "\(stem)")
      // As numbers: the golden value of −0 is +0, while its code keeps the sign.
      #expect(result.values == (try file.floats("\(stem).values")), "\(stem)")
      guard quantizer.format == .mxfp4 else { continue }
      quantizer.rounding = .nearestAway
      let away = quantizer.quantize(x, rows: shape[0], columns: shape[1])
      #expect(away.values == (try file.floats("\(stem).away_values")), "\(stem)")
      quantizer.rounding = .ema
      let ema = quantizer.quantize(
        x, rows: shape[0], columns: shape[1], ema: try file.floats("\(stem).ema"))
      #expect(ema.values == (try file.floats("\(stem).ema_values")), "\(stem)")
    }
  }

  @Test("the packed layout, there and back")
  func packed() throws {
    let file = try Golden.open("packed")
    let shape = try file.entry("x").shape
    let quantized = Quantizer().quantize(try file.floats("x"), rows: shape[0], columns: shape[1])
    let packed = PackedMatrix(packing: quantized)
    #expect(packed.blocks == (try file.bytes("blocks")))
    #expect(packed.scales == (try file.bytes("scales")))
    let unpacked = packed.unpacked(axis: .rows, rows: shape[0], columns: shape[1])
    #expect(unpacked == quantized)
    #expect(unpacked.values == (try file.floats("values")))
  }
}
