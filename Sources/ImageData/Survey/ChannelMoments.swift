/// Sums over images of the means of each channel's values and of their squares.
struct ChannelMoments: Sendable {
  private var count = 0
  private var means = SIMD3<Double>.zero
  private var meanSquares = SIMD3<Double>.zero

  /// Adds an image, which weighs as much as any other.
  mutating func add(_ facts: ImageFacts) {
    count += 1
    means += facts.mean
    meanSquares += facts.meanSquare
  }

  /// Mean and standard deviation, √(E[x²] − E[x]²), of the first channels; nil without an image.
  func statistics(channels: Int) -> (mean: [Double], standardDeviation: [Double])? {
    guard count > 0 else { return nil }
    let mean = means / Double(count)
    let variance = meanSquares / Double(count) - mean * mean
    return (
      (0..<channels).map { mean[$0] },
      // Rounding may leave a little less than nothing.
      (0..<channels).map { max(0, variance[$0]).squareRoot() }
    )
  }
}
