import MXRuntime

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
    _ augmentation: Augmentation, _ random: inout RandomSequence
  ) -> Placement {
    let padding = augmentation.cropPadding
    let dx = random.integer(below: 2 * padding + 1) - padding
    let dy = random.integer(below: 2 * padding + 1) - padding
    return Placement(dx: dx, dy: dy, isMirrored: random.uniform() < augmentation.flipProbability)
  }
}

extension Image {
  /// The image shifted and mirrored, black where it has nothing.
  func placed(_ placement: Placement) -> Image {
    if placement == .identity { return self }
    let result = [UInt8](unsafeUninitializedCapacity: pixels.count) { output, count in
      output.initialize(repeating: 0)
      for y in 0..<height where (0..<height).contains(y + placement.dy) {
        for x in 0..<width where (0..<width).contains(x + placement.dx) {
          let source = ((y + placement.dy) * width + x + placement.dx) * channels
          let target = (y * width + (placement.isMirrored ? width - 1 - x : x)) * channels
          for channel in 0..<channels { output[target + channel] = pixels[source + channel] }
        }
      }
      count = pixels.count
    }
    return Image(width: width, height: height, channels: channels, pixels: result)
  }
}
