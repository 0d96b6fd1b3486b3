import TestSupport
import Testing

import MXFormats
import Training

@Suite("What verify finds in blocks")
struct VerificationTests {
  @Test("the grid is the definition's", arguments: [ElementFormat.e2m1, .e3m0])
  func grid(format: ElementFormat) {
    let grid = Grid(format)
    let steps = (0...800).map { Float($0) / 32 }
    for y in steps + steps.flatMap({ [$0.nextUp, $0.nextDown] }) where y >= 0 {
      let place = grid.place(of: y)
      #expect(place.nearestEven == format.magnitudeCode(of: y, .nearestEven), "\(y)")
      #expect(place.nearestAway == format.magnitudeCode(of: y, .nearestAway), "\(y)")
      guard y > 0 else { continue }
      #expect(place.lower == format.magnitudeCode(of: y, .ema(-.infinity)), "\(y)")
      #expect(place.upper == format.magnitudeCode(of: y, .ema(.infinity)), "\(y)")
      #expect(format.magnitudeCode(of: y, .ema(place.midpoint)) == place.upper, "\(y)")
    }
  }

  @Test("numbers of every kind are explained by what quantized them", arguments: ScaleRule.allCases)
  func explained(rule: ScaleRule) {
    var random = TestRandom(seed: 5)
    let values = random.extremes(64 * 70)
    let averages = random.extremes(64 * 70)
    for rounding in Rounding.allCases {
      let matrix = Quantizer(scaleRule: rule, rounding: rounding).quantize(
        values, rows: 64, columns: 70, ema: averages,
        randomBits: { _, _ in UInt16(truncatingIfNeeded: random.bits()) })
      var comparison = SourceComparison()
      comparison.add(PackedMatrix(packing: matrix), values, averages: averages, length: 70)
      #expect(comparison.groups == 64 * 3 && comparison.rules.contains(rule))
      let expected = FoundRounding(rawValue: rounding.rawValue) ?? .either
      #expect(comparison.roundings.contains(expected), "\(rounding): \(comparison.codes)")
      #expect(comparison.strangers == 0)
      var census = BlockCensus()
      census.add(PackedMatrix(packing: matrix), length: 70)
      let evidence = ScaleRuleEvidence(rule, census, .e2m1)
      #expect(evidence.against.either == 0 && census.filledPads == 0)
      if rounding == .nearestEven { #expect(evidence.against.nearest == 0) }
    }
  }
}
