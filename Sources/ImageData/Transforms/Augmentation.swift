import Runtime

/// Where an image comes to lie: shifted, then mirrored.
struct Placement: Equatable {
  /// Output pixel (x, y) shows source pixel (x + dx, y + dy), black outside, before mirroring.
  let dx: Int
  let dy: Int
  /// Whether left and right change places.
  let isMirrored: Bool

  static let identity = Placement(dx: 0, dy: 0, isMirrored: false)

  /// A random crop of the image with `cropPadding` black pixels on each side, offsets uniform in
  /// 0…2·padding, then a mirroring with `flipProbability`.
  ///
  /// All three numbers are always drawn, so that the flips are the same with and without a crop.
  static func random(
    _ preprocessing: Preprocessing, _ random: inout RandomSequence
  ) -> Placement {
    let padding = preprocessing.cropPadding
    let dx = random.integer(below: 2 * padding + 1) - padding
    let dy = random.integer(below: 2 * padding + 1) - padding
    return Placement(dx: dx, dy: dy, isMirrored: random.uniform() < preprocessing.flipProbability)
  }
}
