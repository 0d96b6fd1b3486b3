import MXFormats

/// How the decoded values of a tensor differ from those of another file's codes.
package struct DecodedComparison: Sendable {
  /// Groups and elements that were compared.
  package private(set) var groups = 0, elements = 0
  /// Groups and elements that have another value.
  package private(set) var otherGroups = 0, otherElements = 0
  /// Groups of the same values under another scale.
  package private(set) var shifted = 0
  /// Zeros of another sign.
  package private(set) var signs = 0

  /// A comparison of nothing yet.
  package init() {}

  /// Compares lanes with lanes.
  ///
  /// - Parameter length: the elements of a lane.
  mutating func add(_ matrix: PackedMatrix, _ other: PackedMatrix, length: Int) {
    let size = matrix.format.groupSize
    groups += matrix.scales.count
    elements += matrix.lanes * length
    for index in 0..<matrix.scales.count {
      let range = index * matrix.blockSize..<(index + 1) * matrix.blockSize
      let (scale, otherScale) = (matrix.scales[index], other.scales[index])
      if scale == otherScale, matrix.outerScale == other.outerScale,
        matrix.blocks[range] == other.blocks[range]
      {
        continue
      }
      let count = min(size, length - index % matrix.groups * size)
      var (differing, signs) = (0, 0)
      for element in 0..<count {
        let (value, otherValue) = (
          Self.value(matrix, range.lowerBound, element, scale),
          Self.value(other, range.lowerBound, element, otherScale)
        )
        if value != otherValue {
          // A NaN is another one's equal.
          differing += value.isNaN && otherValue.isNaN ? 0 : 1
        } else if value.sign != otherValue.sign {
          signs += 1
        }
      }
      otherElements += differing
      otherGroups += differing > 0 ? 1 : 0
      shifted += differing == 0 && scale != otherScale ? 1 : 0
      self.signs += signs
    }
  }

  private static func value(
    _ matrix: PackedMatrix, _ first: Int, _ element: Int, _ scale: UInt8
  ) -> Float {
    let byte = matrix.blocks[first + element / 2]
    let code = element % 2 == 0 ? byte & 15 : byte >> 4
    return matrix.format.elements.value(of: code)
      * (matrix.format.scale.value(of: scale) * matrix.outerScale)
  }

  /// Both together.
  func adding(_ other: DecodedComparison) -> DecodedComparison {
    var sum = self
    sum.add(other)
    return sum
  }

  private mutating func add(_ other: DecodedComparison) {
    groups += other.groups
    elements += other.elements
    otherGroups += other.otherGroups
    otherElements += other.otherElements
    shifted += other.shifted
    signs += other.signs
  }
}
