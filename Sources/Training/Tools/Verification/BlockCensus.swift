import MXFormats

/// What the blocks of 4-bit tensors show of themselves.
package struct BlockCensus: Equatable, Sendable {
  /// Groups, and the elements in them.
  package private(set) var groups = 0, elements = 0
  /// Groups whose largest magnitude has the code 0…7, without those that have the smallest scale or none.
  package private(set) var largest = [Int](repeating: 0, count: 8)
  /// Groups whose scale byte is NaN.
  package private(set) var nanScales = 0
  /// Groups of zeros, and those of them that have a scale byte other than 0.
  package private(set) var zeroGroups = 0, scaledZeroGroups = 0
  /// Groups with numbers in them whose scale byte is 0: 2^−127, which some readers take for zero, and in NVFP4 zero.
  package private(set) var smallestScales = 0
  /// Groups whose codes can be doubled exactly, so that half the scale would do.
  package private(set) var halvable = 0
  /// Elements that are −0.
  package private(set) var minusZeros = 0
  /// Nibbles behind the last element of a short group that are not 0.
  package private(set) var filledPads = 0

  /// A census of nothing.
  package init() {}

  /// Counts lanes.
  ///
  /// - Parameter length: the elements of a lane, whose last group may be a short one.
  package mutating func add(_ matrix: PackedMatrix, length: Int) {
    let (size, elementsOf) = (matrix.blockSize, matrix.format.groupSize)
    let doubles = Self.largestDoubling(matrix.format.elements)
    elements += matrix.lanes * length
    groups += matrix.scales.count
    for (index, scale) in matrix.scales.enumerated() {
      let count = min(elementsOf, length - index % matrix.groups * elementsOf)
      var (most, minus, pads): (UInt8, Int, Int) = (0, 0, 0)
      for byte in 0..<size {
        let pair = matrix.blocks[index * size + byte]
        for (place, code) in [pair & 15, pair >> 4].enumerated() {
          if 2 * byte + place < count {
            most = max(most, code & 7)
            minus += code == 8 ? 1 : 0
          } else {
            pads += code == 0 ? 0 : 1
          }
        }
      }
      minusZeros += minus
      filledPads += pads
      if scale == matrix.format.scale.nan {
        nanScales += 1
      } else if most == 0 {
        zeroGroups += 1
        scaledZeroGroups += scale == 0 ? 0 : 1
      } else if scale == 0 {
        smallestScales += 1
      } else {
        largest[Int(most)] += 1
        halvable += most <= doubles ? 1 : 0
      }
    }
  }

  /// Adds another census.
  mutating func add(_ other: BlockCensus) {
    groups += other.groups
    elements += other.elements
    for code in largest.indices { largest[code] += other.largest[code] }
    nanScales += other.nanScales
    zeroGroups += other.zeroGroups
    scaledZeroGroups += other.scaledZeroGroups
    smallestScales += other.smallestScales
    halvable += other.halvable
    minusZeros += other.minusZeros
    filledPads += other.filledPads
  }

  /// Groups that show what a scale rule did.
  package var telling: Int { largest.reduce(0, +) }

  /// The largest code that, with all below it, has twice its magnitude on the grid.
  private static func largestDoubling(_ format: ElementFormat) -> UInt8 {
    let magnitudes = format.magnitudes
    return UInt8(magnitudes.prefix { magnitudes.contains(2 * $0) }.count - 1)
  }
}

/// Whether blocks can have been made by a scale rule.
package struct ScaleRuleEvidence: Sendable {
  /// The rule.
  package let rule: ScaleRule
  /// Groups whose largest code the rule never makes, if elements round to the nearest, and if they round to either
  /// neighbour.
  package let against: (nearest: Int, either: Int)
  /// A code that no group has for its largest, though the rule makes it of a tenth of all at least, if magnitudes spread
  /// evenly, with that share; nil where there is none, or too few groups to tell.
  package let missing: (code: UInt8, share: Double)?

  /// So many groups show what is missing.
  private static let enoughGroups = 100

  /// The evidence of a census.
  package init(_ rule: ScaleRule, _ census: BlockCensus, _ format: ElementFormat) {
    self.rule = rule
    func contradicting(nearest: Bool) -> Int {
      let codes = rule.largestCodes(format, nearest: nearest)
      return (UInt8(0)..<8).reduce(0) { $0 + (codes.contains($1) ? 0 : census.largest[Int($1)]) }
    }
    against = (contradicting(nearest: true), contradicting(nearest: false))
    missing =
      census.telling < Self.enoughGroups
      ? nil
      : rule.largestCodes(format, nearest: true).lazy
        .filter { census.largest[Int($0)] == 0 }
        .map { ($0, rule.share(of: $0, format)) }.first { $0.1 >= 0.1 }
  }
}
