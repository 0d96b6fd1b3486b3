import MXFormats

/// A way to bring an element onto the grid, as a comparison with what was quantized finds it.
package enum FoundRounding: String, CaseIterable, Sendable {
  case nearestEven = "nearest-even"
  case nearestAway = "nearest-away"
  /// To the neighbour with the smaller magnitude.
  case truncation
  /// To the neighbour nearer to a moving average (Q-EMA).
  case ema
  /// To either neighbour, as at random or by moving averages that are not known.
  case either
}

/// By which scale rules and roundings the groups of a tensor follow from what was quantized, in full precision.
package struct SourceComparison: Sendable {
  /// Groups and elements that were compared.
  package private(set) var groups = 0, elements = 0
  /// Groups whose scale each rule gives, in the order of `ScaleRule.allCases`; none by rules that the format has not.
  package private(set) var scales = [Int](repeating: 0, count: ScaleRule.allCases.count)
  /// Groups all of whose codes each rounding gives under the scale that is there, in the order of
  /// `FoundRounding.allCases`.
  package private(set) var codes = [Int](repeating: 0, count: FoundRounding.allCases.count)
  /// Elements that have the neighbour which is not the nearest, and elements that have none of the two.
  package private(set) var farther = 0, strangers = 0
  /// Elements whose value is the source's, exactly.
  package private(set) var exact = 0
  /// Whether moving averages were there to compare with.
  package private(set) var hasAverages = true

  /// A comparison of nothing yet.
  package init() {}

  /// Compares lanes.
  ///
  /// - Parameters:
  ///   - values: what was quantized, lane by lane.
  ///   - averages: the moving averages of the values; nil where nobody knows them.
  ///   - length: the elements of a lane.
  ///   - isSquare: whether squares share scales (`Quantizer.isSquare`); then the first lane is a square's.
  ///   - triesFour: whether groups chose between two scales (`Quantizer.triesFour`).
  package mutating func add(
    _ matrix: PackedMatrix, _ values: [Float], averages: [Float]?, length: Int,
    isSquare: Bool = false, triesFour: Bool = false
  ) {
    let size = matrix.format.groupSize
    let grid = Grid(matrix.format.elements)
    hasAverages = hasAverages && averages != nil
    var squares: [Float]?
    if isSquare {
      var largest = [Float](repeating: 0, count: matrix.format.groups(matrix.lanes) * matrix.groups)
      for (place, value) in values.enumerated() where value.isFinite {
        let square = place / length / size * matrix.groups + place % length / size
        largest[square] = max(largest[square], value.magnitude)
      }
      squares = largest
    }
    for index in 0..<matrix.scales.count {
      let (lane, group) = index.quotientAndRemainder(dividingBy: matrix.groups)
      let first = lane * length + group * size
      let count = min(size, length - group * size)
      add(
        matrix, index, values[first..<first + count], averages?[first..<first + count], grid,
        square: squares?[lane / size * matrix.groups + group], triesFour: triesFour)
    }
  }

  private mutating func add(
    _ matrix: PackedMatrix, _ index: Int, _ values: ArraySlice<Float>,
    _ averages: ArraySlice<Float>?, _ grid: Grid, square: Float?, triesFour: Bool
  ) {
    groups += 1
    elements += values.count
    let unit = matrix.format.scale.value(of: matrix.scales[index]) * matrix.outerScale
    let (codes, isZero) = unpacked(matrix, index, count: values.count)
    var maximum: Float = 0
    for value in values { maximum = value.isNaN ? .nan : max(maximum, value.magnitude) }
    // (A NaN stays: nothing is larger.)
    if values.contains(where: \.isNaN) { maximum = .nan }
    if maximum == 0, isZero, !unit.isNaN {
      // Zeros are zeros under any scale.
      for rule in scales.indices { scales[rule] += 1 }
      for rounding in self.codes.indices { self.codes[rounding] += 1 }
      exact += values.count
      return
    }
    let decisive = maximum.isFinite ? square ?? maximum : maximum
    func byte(_ rule: ScaleRule) -> UInt8 {
      let byte = matrix.format.scaleByte(
        maximum: decisive, outerScale: matrix.outerScale, rule)
      guard triesFour, maximum.isFinite else { return byte }
      return matrix.format.scaleByte(
        of: Array(values), six: byte, maximum: maximum, outerScale: matrix.outerScale, rule)
    }
    for (place, rule) in ScaleRule.allCases.enumerated()
    where matrix.format.scaleRules.contains(rule) && byte(rule) == matrix.scales[index] {
      scales[place] += 1
    }
    guard !unit.isNaN, maximum.isFinite else {
      strangers += values.count
      return
    }
    var agrees = [Bool](repeating: true, count: FoundRounding.allCases.count)
    if averages == nil { agrees[3] = false }
    for (offset, code) in codes.enumerated() {
      let value = values[values.startIndex + offset]
      // (A number far below the others can be 0 over the scale, and all are under a scale of 0.)
      let ratio = unit == 0 ? 0 : value.magnitude / unit
      let place = grid.place(of: ratio)
      let (magnitude, isMinus) = (code & 7, code & 8 != 0)
      // The sign of a zero is no difference.
      let hasSign = magnitude == 0 || isMinus == (value.sign == .minus)
      let isNeighbour =
        hasSign && (magnitude == place.lower || ratio != 0 && magnitude == place.upper)
      let isEven = hasSign && magnitude == place.nearestEven
      let isAway = hasSign && magnitude == place.nearestAway
      agrees[0] = agrees[0] && isEven
      agrees[1] = agrees[1] && isAway
      agrees[2] = agrees[2] && hasSign && magnitude == place.lower
      if let averages {
        let average = averages[averages.startIndex + offset]
        let isUp = unit != 0 && (value.sign == .minus ? -average : average) / unit >= place.midpoint
        agrees[3] =
          agrees[3] && hasSign
          && magnitude == (ratio == 0 ? 0 : isUp ? place.upper : place.lower)
      }
      agrees[4] = agrees[4] && isNeighbour
      strangers += isNeighbour ? 0 : 1
      farther += isNeighbour && !isEven && !isAway ? 1 : 0
      exact += hasSign && grid.magnitudes[Int(magnitude)] * unit == value.magnitude ? 1 : 0
    }
    for (place, does) in agrees.enumerated() where does { self.codes[place] += 1 }
  }

  /// Both together.
  func adding(_ other: SourceComparison) -> SourceComparison {
    var sum = self
    sum.add(other)
    return sum
  }

  private mutating func add(_ other: SourceComparison) {
    groups += other.groups
    elements += other.elements
    for place in scales.indices { scales[place] += other.scales[place] }
    for place in codes.indices { codes[place] += other.codes[place] }
    farther += other.farther
    strangers += other.strangers
    exact += other.exact
    hasAverages = hasAverages && other.hasAverages
  }

  /// The rules that give all scales.
  package var rules: [ScaleRule] {
    ScaleRule.allCases.enumerated().filter { scales[$0.offset] == groups }.map(\.element)
  }

  /// The roundings that give all codes; either neighbour only where nothing else does.
  package var roundings: [FoundRounding] {
    let all = FoundRounding.allCases.enumerated().filter { codes[$0.offset] == groups }
      .map(\.element)
    return all == [.either] ? all : all.filter { $0 != .either }
  }

  /// Whether all values are the source's, bit for bit (but for the sign of zeros).
  package var isExact: Bool { exact == elements }
}

/// The codes of a group, and whether all are zeros.
private func unpacked(
  _ matrix: PackedMatrix, _ index: Int, count: Int
) -> (codes: [UInt8], isZero: Bool) {
  let first = index * matrix.blockSize
  let codes = (0..<count).map { element in
    let byte = matrix.blocks[first + element / 2]
    return element % 2 == 0 ? byte & 15 : byte >> 4
  }
  return (codes, codes.allSatisfy { $0 & 7 == 0 })
}

/// The grid of a format: faster than `ElementFormat.magnitudeCode`, to which tests hold it.
package struct Grid {
  /// The magnitudes of the codes 0…7.
  package let magnitudes: [Float]

  /// The grid of a format.
  package init(_ format: ElementFormat) { magnitudes = format.magnitudes }

  /// Where a magnitude lies: between two codes, which are one at the top.
  package struct Place: Equatable {
    /// The codes of the neighbours, and the one that each rounding to the nearest takes.
    package let lower, upper, nearestEven, nearestAway: UInt8
    /// The middle between the two.
    package let midpoint: Float
  }

  /// The place of y = |x|/S ≥ 0.
  package func place(of y: Float) -> Place {
    var lower = 0
    while lower < 7, magnitudes[lower + 1] <= y { lower += 1 }
    guard lower < 7 else {
      return Place(lower: 7, upper: 7, nearestEven: 7, nearestAway: 7, midpoint: magnitudes[7])
    }
    let midpoint = (magnitudes[lower] + magnitudes[lower + 1]) / 2
    let isTie = y == midpoint
    let even = y > midpoint || isTie && lower % 2 == 1
    return Place(
      lower: UInt8(lower), upper: UInt8(lower + 1),
      nearestEven: UInt8(even ? lower + 1 : lower),
      nearestAway: UInt8(y >= midpoint ? lower + 1 : lower), midpoint: midpoint)
  }
}
