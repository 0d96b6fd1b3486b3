import Reports
import Testing

@Suite("Means over seeds")
struct EstimateTests {
  @Test("a mean has the sample's deviation; a single value has none")
  func deviation() throws {
    let estimate = try #require(Estimate([1, 2, 4]))
    #expect(abs(estimate.mean - 7.0 / 3) < 1e-12)
    #expect(abs(try #require(estimate.deviation) - (7.0 / 3).squareRoot()) < 1e-12)
    #expect(Estimate([5])?.deviation == nil && Estimate([]) == nil)
    #expect(Estimate([5])?.text(1) == "5.0" && Estimate([1, 3])?.text(2) == "2.00 ± 1.41")
  }

  @Test("means are within noise up to two standard errors of their difference")
  func noise() throws {
    // Deviations 1, two values each: a standard error of 1.
    let first = try #require(Estimate([10 - 0.5.squareRoot(), 10 + 0.5.squareRoot()]))
    let near = try #require(Estimate([11.9 - 0.5.squareRoot(), 11.9 + 0.5.squareRoot()]))
    let far = try #require(Estimate([12.1 - 0.5.squareRoot(), 12.1 + 0.5.squareRoot()]))
    #expect(first.isWithinNoise(of: near) == true && first.isWithinNoise(of: far) == false)
    #expect(first.isWithinNoise(of: try #require(Estimate([10]))) == nil)
  }
}
