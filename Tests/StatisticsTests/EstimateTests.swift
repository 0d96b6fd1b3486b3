import Statistics
import Testing

@Suite("Means over seeds")
struct EstimateTests {
  @Test("a mean has the sample's deviation; a single value has none")
  func deviation() throws {
    let estimate = try #require(Estimate([1, 2, 4]))
    #expect(abs(estimate.mean - 7.0 / 3) < 1e-12)
    #expect(abs(try #require(estimate.deviation) - (7.0 / 3).squareRoot()) < 1e-12)
    #expect(Estimate([5])?.deviation == nil && Estimate([]) == nil)
  }

  @Test("two seeds that lie three standard errors apart are no proof; a single one says nothing")
  func noise() throws {
    // Deviations 1, two values each: a standard error of 1, and two degrees of freedom, of which the 5 % quantile is 4.30.
    func pair(_ mean: Double) throws -> Estimate {
      try #require(Estimate([mean - 0.5.squareRoot(), mean + 0.5.squareRoot()]))
    }
    let first = try pair(10)
    let near = try #require(first.probability(ofDifferenceFrom: try pair(13)))
    let far = try #require(first.probability(ofDifferenceFrom: try pair(14.4)))
    #expect(near > Estimate.significance && far < Estimate.significance)
    let single = try #require(Estimate([10]))
    #expect(first.probability(ofDifferenceFrom: single) == nil)
    // Half an interval of two values is 12.7 times their standard error, here 1/√2.
    #expect(abs(try #require(first.halfInterval) - 12.7062047 * 0.5.squareRoot()) < 1e-6)
    #expect(Estimate([5])?.halfInterval == nil)
  }

  @Test("runs that all came out alike differ where their means do")
  func alike() throws {
    let first = try #require(Estimate([10, 10]))
    #expect(first.probability(ofDifferenceFrom: first) == 1)
    let other = try #require(Estimate([11, 11]))
    #expect(first.probability(ofDifferenceFrom: other) == 0)
  }
}
