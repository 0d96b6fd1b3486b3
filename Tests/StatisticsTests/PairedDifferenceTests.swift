import Statistics
import Testing

@Suite("Differences over equal seeds")
struct PairedDifferenceTests {
  /// Differences and what SciPy 1.17 gives: the mean, half its 95 % interval, scipy.stats.permutation_test of the sum with all
  /// signs, and the first n at which the non-central t distribution (scipy.stats.nct) has a power of .8.
  static let cases: [([Double], mean: Double, half: Double, flips: Double, needed: Int?)] = [
    ([0.12, -0.03, 0.25, 0.08, 0.19], 0.122, 0.1329798375186011, 0.125, 9),
    ([1.2, 0.9, 1.4], 1.1666666666666667, 0.6251609479375774, 0.25, 3),
    ([-0.5, 0.2, 0.1, -0.3, 0.4, -0.1], -0.03333333333333333, 0.34911155517888215, 0.90625, 784),
    ([2, 2.5], 2.25, 3.1765511840436735, 0.5, 3),
    ([0.3, -0.3, 0.1, -0.1], 0, 0.4108520513521041, 1, nil),
    (
      [0.01, 0.02, 0.015, 0.03, -0.005, 0.012, 0.018, 0.022], 0.01525, 0.008604461655858892,
      0.015625, 6
    ),
  ]

  @Test("mean, interval, sign flips and the seeds that would do are SciPy's", arguments: cases)
  func scipy(
    differences: [Double], mean: Double, half: Double, flips: Double, needed: Int?
  ) throws {
    let found = try #require(PairedDifference(differences: differences))
    #expect(abs(found.estimate.mean - mean) < 1e-15)
    #expect(abs(try #require(found.estimate.halfInterval) - half) < 1e-9 * half)
    #expect(found.signFlipProbability == flips)
    #expect(found.pairsNeeded() == needed)
    #expect(found.isSeparate == (abs(mean) > half))
  }

  @Test("only seeds that both have count, whatever their order")
  func seeds() throws {
    let found = try #require(
      PairedDifference([3: 5, 0: 2, 7: 100], minus: [0: 1.5, 3: 4, 4: 50]))
    #expect(found.estimate == Estimate([0.5, 1]))
    #expect(PairedDifference([0: 1], minus: [1: 1]) == nil)
    let single = try #require(PairedDifference([0: 1], minus: [0: 3]))
    #expect(single.estimate.mean == -2 && !single.isSeparate && single.pairsNeeded() == nil)
  }

  @Test(
    "differences that are all alike need no more than two seeds, and of none there is nothing to find"
  )
  func alike() throws {
    let found = try #require(PairedDifference(differences: [0.5, 0.5, 0.5]))
    #expect(found.isSeparate && found.pairsNeeded() == 2)
    let none = try #require(PairedDifference(differences: [0, 0]))
    #expect(!none.isSeparate && none.pairsNeeded() == nil && none.signFlipProbability == 1)
  }

  @Test("of many pairs random signs are drawn, the same each time")
  func manyPairs() throws {
    // A sum of 4 of 100 signs: P(|S| ≥ 4) by the binomial distribution, 2·scipy.stats.binom.sf(51, 100, .5).
    let signs = (0..<100).map { $0 < 52 ? 1.0 : -1 }
    let found = try #require(PairedDifference(differences: signs))
    #expect(abs(found.signFlipProbability - 0.7643534344026676) < 0.002)
    #expect(PairedDifference(differences: signs) == found)
  }

  @Test("a share of the gap has Fieller's interval")
  func gap() throws {
    func seeds(_ values: [Double]) -> [Int: Double] {
      Dictionary(uniqueKeysWithValues: zip(0..., values))
    }
    // The shares for which SciPy's paired t-test of method − baseline and share·(target − baseline) has p = .05.
    let found = try #require(
      GapClosed(
        baseline: seeds([65.1, 65.5, 64.9, 65.3]), method: seeds([66.2, 66.3, 65.8, 66.5]),
        target: seeds([66.8, 67.0, 66.7, 67.2])))
    #expect(abs(found.share - 0.5797101449275358) < 1e-12 && found.count == 4)
    let interval = try #require(found.interval)
    #expect(abs(interval.lowerBound - 0.4555116860675002) < 1e-9)
    #expect(abs(interval.upperBound - 0.6926959168631083) < 1e-9)
    // A gap that may be none says nothing of shares.
    let noise = try #require(
      GapClosed(
        baseline: seeds([1, 2, 3]), method: seeds([2, 2, 3]), target: seeds([2, 1, 4])))
    #expect(noise.interval == nil)
    #expect(GapClosed(baseline: [0: 1], method: [0: 2], target: [0: 1]) == nil)
  }
}
