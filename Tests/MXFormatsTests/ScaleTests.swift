import MXFormats
import Testing

@Suite("Scales")
struct ScaleTests {
  @Test(
    "each rule keeps M/S at or below its τ and uses the smallest scale that does, for every exponent"
  )
  func largestRatio() {
    // The bound on M/S and whether the bound itself is permitted (Documentation/Numerics.md, section 2).
    let bounds: [(ScaleRule, ElementFormat, Float, Bool)] = [
      (.truncationFree, .e2m1, 6, true), (.even, .e2m1, 7, false), (.floor, .e2m1, 8, false),
      (.ceil, .e2m1, 4, true), (.truncationFree, .e3m0, 16, true), (.floor, .e3m0, 32, false),
      (.even, .e3m0, 24, false), (.ceil, .e3m0, 16, true), (.uos, .e2m1, 7.25, true),
      (.uos, .e3m0, 29, true),
    ]
    let fractions: [Float] = [
      1, Float(1).nextUp, Float(1.5).nextDown, 1.5, Float(1.5).nextUp, Float(1.75).nextDown, 1.75,
      Float(1.75).nextUp, Float(1.8125).nextDown, 1.8125, Float(1.8125).nextUp, Float(2).nextDown,
    ]
    for (rule, format, bound, inclusive) in bounds {
      for exponent in -120...127 {
        for fraction in fractions {
          let maximum = Float(sign: .plus, exponent: exponent, significand: fraction)
          let scale = rule.scale(maximum: maximum, format: format)
          let ratio = maximum * scale.reciprocal
          let permitted = inclusive ? ratio <= bound : ratio < bound
          let isSmallest = inclusive ? 2 * ratio > bound : 2 * ratio >= bound
          #expect(permitted && isSmallest, "\(rule) \(format) M = \(maximum), M/S = \(ratio)")
        }
      }
    }
  }

  @Test("zero, subnormals, infinity and NaN", arguments: ScaleRule.allCases, elementFormats)
  func edges(rule: ScaleRule, format: ElementFormat) {
    #expect(rule.scale(maximum: 0, format: format).byte == 0)
    #expect(rule.scale(maximum: .leastNonzeroMagnitude, format: format).byte == 0)
    #expect(rule.scale(maximum: .leastNormalMagnitude, format: format).byte == 0)
    #expect(rule.scale(maximum: .infinity, format: format).isNaN)
    #expect(rule.scale(maximum: .nan, format: format).isNaN)
    #expect(rule.scale(maximum: .greatestFiniteMagnitude, format: format).byte < 255)
  }

  @Test("every scale byte times its reciprocal is 1")
  func reciprocals() {
    for byte in UInt8(0)...254 {
      #expect(E8M0(byte: byte).value * E8M0(byte: byte).reciprocal == 1)
    }
    #expect(E8M0.nan.value.isNaN && E8M0.nan.reciprocal.isNaN)
  }
}
