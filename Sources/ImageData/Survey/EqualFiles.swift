import Files

/// Images of a data set that are the same file, byte by byte, or the same bare pixels.
package struct EqualFiles: Sendable {
  /// Two images that are equal, as messages call them.
  package struct Pair: Sendable, Equatable {
    /// The one that was met first, and the other.
    package let first, second: String
  }

  /// How many images of the second side are on the first one too: what was trained on is tested with.
  package private(set) var acrossSides = 0
  /// How many images are on their own side before them.
  package private(set) var withinSide = 0
  /// How many of all these have another class than the one they are equal to.
  package private(set) var otherClass = 0
  /// The first pairs across sides.
  package private(set) var acrossPairs: [Pair] = []
  /// The first pairs within a side.
  package private(set) var withinPairs: [Pair] = []

  /// How many pairs of each kind are named.
  private static let named = 5

  /// An image that was met.
  private struct Place {
    let side, index: Int32
  }

  private var met: [UInt128: Place] = [:]

  init() {}

  /// Adds an image, sides in their order.
  mutating func add(_ digest: UInt128, side: Int, index: Int, of datasets: [any ImageDataset]) {
    guard let place = met[digest] else {
      met[digest] = Place(side: Int32(side), index: Int32(index))
      return
    }
    let (first, second) = (datasets[Int(place.side)], datasets[side])
    if first.classNames[first.label(Int(place.index))] != second.classNames[second.label(index)] {
      otherClass += 1
    }
    let pair = Pair(
      first: RawName.shown(first.name(Int(place.index))),
      second: RawName.shown(second.name(index)))
    if Int(place.side) != side {
      acrossSides += 1
      if acrossPairs.count < Self.named { acrossPairs.append(pair) }
    } else {
      withinSide += 1
      if withinPairs.count < Self.named { withinPairs.append(pair) }
    }
  }

  /// Forgets what images were met, of which there may be millions; nothing can be added any more.
  mutating func finish() { met = [:] }

  /// The first half of the SHA-256 of a file or of bare pixels with their shape.
  static func digest(_ file: [UInt8]?, _ image: Image) -> UInt128 {
    var hash = SHA256()
    if let file {
      hash.update(file)
    } else {
      hash.update(Array("\(image.width) \(image.height) \(image.channels) ".utf8))
      hash.update(image.pixels)
    }
    // Thirty-two hexadecimal digits are a number.
    return UInt128(hash.digits().prefix(32), radix: 16) ?? 0
  }
}
