import Foundation
import Statistics
import Testing

@Suite("Student's t")
struct StudentTTests {
  /// t, degrees of freedom, and what SciPy 1.17 gives: 2 * scipy.stats.t.sf(t, degrees).
  static let probabilities: [(t: Double, degrees: Double, expected: Double)] = [
    (0.5, 1, 0.7048327646991335), (2, 1, 0.2951672353008665),
    (12.7062, 1, 0.0500000185607104), (0.1, 2.5, 0.9278065440624897),
    (2, 2.5, 0.1573914957579659), (4.303, 2, 0.0499925249852145),
    (1.5, 3.7, 0.2135981692020135), (3, 7.25, 0.019134132993169097),
    (2.228, 10, 0.05001177181711132), (0.001, 30, 0.9992087357664851),
    (2.5, 30, 0.01811564906806669), (1.96, 1000, 0.050273184955748736),
    (6, 4.2, 0.0033165856604481796), (40, 3, 3.4380680789158506e-05),
    (1e-8, 5, 0.9999999924078662), (1.96, 1e6, 0.04999606758526985),
    (300, 2, 1.1110925929355216e-05),
  ]

  /// p, degrees of freedom, and scipy.stats.t.ppf(p, degrees).
  static let quantiles: [(p: Double, degrees: Double, expected: Double)] = [
    (0.975, 1, 12.706204736174694), (0.975, 2, 4.302652729749462),
    (0.975, 4, 2.7764451051977934), (0.95, 2.5, 2.5582186141359355),
    (0.995, 3.7, 4.8692522532278275), (0.6, 10, 0.2601848294920803),
    (0.975, 30, 2.0422724563012378), (0.975, 1000, 1.9623390808264083),
    (0.9995, 1.2, 226.537567245918), (0.5, 3, 0), (0.975, 1e6, 1.959966356814107),
  ]

  @Test("p-values are SciPy's, of either sign, to nine digits", arguments: probabilities)
  func probability(t: Double, degrees: Double, expected: Double) {
    for value in [t, -t] {
      let found = StudentT(degrees: degrees).probability(beyond: value)
      #expect(abs(found - expected) <= 1e-9 * expected, "\(found) instead of \(expected)")
    }
  }

  @Test("quantiles are SciPy's to nine digits", arguments: quantiles)
  func quantile(p: Double, degrees: Double, expected: Double) {
    let found = StudentT(degrees: degrees).quantile(beyond: 2 * (1 - p))
    #expect(abs(found - expected) <= 1e-9 * max(expected, 1), "\(found) instead of \(expected)")
  }

  @Test("at its ends it is 1 and 0, and of no number none")
  func ends() {
    let t = StudentT(degrees: 3)
    #expect(t.probability(beyond: 0) == 1 && t.probability(beyond: .infinity) == 0)
    #expect(t.probability(beyond: .nan).isNaN && t.probability(beyond: 1e200) < 1e-100)
  }

  /// Values of two rows, and scipy.stats.ttest_ind(a, b, equal_var=False).pvalue.
  static let samples: [(a: [Double], b: [Double], expected: Double)] = [
    ([48.61, 48.14, 49.08], [46.2, 47.6, 46.99], 0.03243117446842115),
    ([48.61, 48.14, 49.08], [48.3, 47.9], 0.2276429735170295),
    ([46.2, 47.6, 46.99], [48.3, 47.9], 0.08817618540130527),
  ]

  @Test("two rows are compared as by SciPy's Welch's t-test", arguments: samples)
  func welch(a: [Double], b: [Double], expected: Double) throws {
    let (first, second) = (try #require(Estimate(a)), try #require(Estimate(b)))
    for found in [
      first.probability(ofDifferenceFrom: second), second.probability(ofDifferenceFrom: first),
    ] { #expect(abs(try #require(found) - expected) < 1e-11) }
  }
}
