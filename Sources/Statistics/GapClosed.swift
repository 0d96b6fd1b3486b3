/// Which share of the way from a baseline to a target a method goes, over the same seeds: the mean of (method − baseline) over that of
/// (target − baseline).
package struct GapClosed: Sendable, Equatable {
  /// 0 at the baseline, 1 at the target.
  package let share: Double
  /// Its 95 % interval by Fieller's theorem (1954), which knows that the gap is measured too; nil where that is not separate
  /// from zero, so that the share may be anything.
  package let interval: ClosedRange<Double>?
  /// How many seeds all three have.
  package let count: Int

  /// The share; nil where no seed has all three values, or there is no gap.
  package init?(
    baseline: [Int: Double], method: [Int: Double], target: [Int: Double]
  ) {
    let seeds = baseline.keys.filter { method[$0] != nil && target[$0] != nil }.sorted()
    let gains = seeds.map { method[$0]! - baseline[$0]! }
    let gaps = seeds.map { target[$0]! - baseline[$0]! }
    guard let gain = Estimate(gains), let gap = Estimate(gaps), gap.mean != 0 else { return nil }
    (share, count) = (gain.mean / gap.mean, seeds.count)
    guard let gainDeviation = gain.deviation, let gapDeviation = gap.deviation else {
      interval = nil
      return
    }
    // Shares ρ for which the mean of gain − ρ·gap is not separate from zero: a·ρ² − 2b·ρ + c ≤ 0.
    let t = StudentT(degrees: Double(count - 1)).quantile(beyond: 0.05)
    let factor = t * t / Double(count)
    let covariance =
      zip(gains, gaps).reduce(0) { $0 + ($1.0 - gain.mean) * ($1.1 - gap.mean) }
      / Double(count - 1)
    let a = gap.mean * gap.mean - factor * gapDeviation * gapDeviation
    let b = gain.mean * gap.mean - factor * covariance
    let c = gain.mean * gain.mean - factor * gainDeviation * gainDeviation
    guard a > 0 else {
      interval = nil
      return
    }
    let root = max(0, b * b - a * c).squareRoot()
    interval = (b - root) / a...(b + root) / a
  }
}
