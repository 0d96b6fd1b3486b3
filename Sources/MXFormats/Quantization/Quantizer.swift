/// The definition of a quantizer: format, scale rule, rounding and axis, computed element by element.
///
/// This is the oracle that every fast quantizer of the package is held against, to the bit.
/// Source: Documentation/Numerics.md, sections 2 and 3; the paper's Eq. 1 and 2, section 3.2 and Algorithm 1.
public struct Quantizer: Equatable, Sendable {
  /// The format of elements, groups and scales.
  public var format: BlockFormat
  /// How scales are chosen: one of the format's `scaleRules`. A scale of E4M3 follows from r = M/outer/6, each division rounded:
  /// under `even` it is the nearest number; under `truncationFree` the smallest that is not below r, and the next one where
  /// M/S, rounded, still passes 6.
  public var scaleRule: ScaleRule
  /// How elements are rounded.
  public var rounding: Rounding
  /// Along which axis the groups lie.
  public var axis: GroupAxis
  /// Whether squares of as many rows and columns as a group has elements, counted from the matrix's first one, share a scale: that
  /// of their largest magnitude that is finite. Along either axis they are quantized alike.
  public var isSquare = false
  /// Whether groups of NVFP4 may have the scale that makes their largest magnitude 4, and not 6, where that loses less: between 4
  /// and 6 the grid has no number (Cook et al., Four Over Six, arXiv:2512.02010). The outer scale is then A/1536, and a scale of
  /// 4 follows from M/outer/4 as that of 6 does from M/outer/6. The loss is the sum of ((|x|/S − q)·s)² over the group's 16
  /// places, s the group's scale and q the nearest magnitude, each operation rounded; halves of the group are added to each other
  /// until one number is left. At a tie, and where 448 is not enough for it, the scale of 6 stays; where that is 0, it does not.
  public var triesFour = false

  /// A quantizer; by default the paper's forward quantizer of a matrix that is contracted along its
  /// rows.
  public init(
    format: BlockFormat = .mxfp4, scaleRule: ScaleRule = .truncationFree,
    rounding: Rounding = .nearestEven, axis: GroupAxis = .rows
  ) {
    self.format = format
    self.scaleRule = scaleRule
    self.rounding = rounding
    self.axis = axis
  }

  /// Quantizes a row-major matrix.
  ///
  /// A group with a NaN or an infinity gets scale byte 255 and codes 0. The sign of a zero is kept.
  ///
  /// - Parameters:
  ///   - values: `rows` · `columns` numbers.
  ///   - rows: of the matrix.
  ///   - columns: of the matrix.
  ///   - ema: the moving averages of `values`; needed by `Rounding.ema`, ignored by others.
  ///   - outerScale: of a format that has one for the matrix; nil for the one that follows from the values.
  ///   - randomBits: the 16 random bits of element (row, column); needed by `Rounding.stochastic`.
  /// - Complexity: O(rows · columns).
  public func quantize(
    _ values: [Float], rows: Int, columns: Int, ema: [Float]? = nil, outerScale: Float? = nil,
    randomBits: ((_ row: Int, _ column: Int) -> UInt16)? = nil
  ) -> QuantizedMatrix {
    precondition(values.count == rows * columns, "\(values.count) values for \(rows) × \(columns)")
    let shape = format.scaleShape(rows: rows, columns: columns, along: axis)
    let size = format.groupSize
    let matrixScale =
      outerScale ?? (format.outerScale == .runs ? 1 : self.outerScale(largest: largest(of: values)))
    let runs = outerScales(of: values, rows: rows, columns: columns)
    let squares = isSquare ? squares(of: values, rows: rows, columns: columns) : []
    var codes = [UInt8](repeating: 0, count: values.count)
    var scales = [UInt8](repeating: 0, count: shape.rows * shape.columns)
    for i in 0..<shape.rows {
      for j in 0..<shape.columns {
        // A group's elements stand `stride` apart, from `first` on.
        let (first, stride, count) =
          switch axis {
          case .rows: (i * columns + j * size, 1, min(size, columns - j * size))
          case .columns: (i * size * columns + j, columns, min(size, rows - i * size))
          }
        let outerScale =
          runs.isEmpty
          ? matrixScale
          : runs[format.run(row: first / columns, column: first % columns, columns, axis)]
        var maximum: Float = 0
        var hasNaN = false
        for element in Swift.stride(from: first, to: first + count * stride, by: stride) {
          maximum = max(maximum, values[element].magnitude)
          hasNaN = hasNaN || values[element].isNaN
        }
        let isBroken = hasNaN || maximum == .infinity
        if isSquare, !isBroken {
          let (row, column) = axis == .rows ? (i / size, j) : (i, j / size)
          maximum = squares[row * format.groups(columns) + column]
        }
        var byte = format.scaleByte(
          maximum: isBroken ? .nan : maximum, outerScale: outerScale, scaleRule)
        if triesFour, !isBroken {
          let group = Swift.stride(from: first, to: first + count * stride, by: stride).map {
            values[$0]
          }
          byte = format.scaleByte(
            of: group, six: byte, maximum: maximum, outerScale: outerScale, scaleRule)
        }
        scales[i * shape.columns + j] = byte
        let scale = format.scale.value(of: byte) * outerScale
        // Codes are 0 where there is no scale; magnitudes are where it is 0.
        guard !scale.isNaN else { continue }
        func scaled(_ x: Float) -> Float { scale == 0 ? 0 : x / scale }
        for element in Swift.stride(from: first, to: first + count * stride, by: stride) {
          let x = values[element]
          let decision: RoundingDecision =
            switch rounding {
            case .nearestEven: .nearestEven
            case .nearestAway: .nearestAway
            case .stochastic: .stochastic(randomBits!(element / columns, element % columns))
            case .ema: .ema(scaled(x.sign == .minus ? -ema![element] : ema![element]))
            }
          let code = format.elements.magnitudeCode(of: scaled(x.magnitude), decision)
          codes[element] = x.sign == .minus ? code | format.elements.signBit : code
        }
      }
    }
    return QuantizedMatrix(
      format: format, axis: axis, rows: rows, columns: columns, codes: codes, scales: scales,
      outerScale: matrixScale, outerScales: runs)
  }

  private func outerScale(largest: Float) -> Float {
    format.outerScale(largest: largest, scaleRule, triesFour: triesFour)
  }

  /// The largest magnitude that is finite.
  private func largest(of values: [Float]) -> Float {
    values.reduce(0) { $1.isFinite ? max($0, $1.magnitude) : $0 }
  }

  /// The outer scales of runs; none where the format has none of those.
  private func outerScales(of values: [Float], rows: Int, columns: Int) -> [Float] {
    guard let shape = format.outerScaleShape(rows: rows, columns: columns, along: axis) else {
      return []
    }
    var largest = [Float](repeating: 0, count: shape.rows * shape.columns)
    for (place, value) in values.enumerated() where value.isFinite {
      let run = format.run(row: place / columns, column: place % columns, columns, axis)
      largest[run] = max(largest[run], value.magnitude)
    }
    return largest.map(outerScale)
  }

  /// The largest magnitudes of squares that are finite, row by row.
  private func squares(of values: [Float], rows: Int, columns: Int) -> [Float] {
    let across = format.groups(columns)
    var largest = [Float](repeating: 0, count: format.groups(rows) * across)
    for (place, value) in values.enumerated() where value.isFinite {
      let (row, column) = place.quotientAndRemainder(dividingBy: columns)
      let square = row / format.groupSize * across + column / format.groupSize
      largest[square] = max(largest[square], value.magnitude)
    }
    return largest
  }
}

extension BlockFormat {
  /// The outer scale with which the scale of a matrix's largest magnitude is the largest there is; 1 for zeros, and where there
  /// is none. Numbers that are not finite, whose groups have no scale, do not count. Under E4M3 scales it is a normal number, and
  /// under `truncationFree` the next one where the largest magnitude would pass 6 by a rounding.
  ///
  /// - Parameter triesFour: of `Quantizer.triesFour`, which leaves room for larger scales.
  package func outerScale(largest: Float, _ rule: ScaleRule, triesFour: Bool = false) -> Float {
    if outerScale == .none || largest == 0 { return 1 }
    let whole = largestWithoutOuterScale(triesFour: triesFour)
    let outer = largest / whole
    guard scale == .e4m3 else { return outer }
    let clips = largest / (whole / elements.maximum * outer) > elements.maximum
    return max(clips && rule == .truncationFree ? outer.nextUp : outer, .leastNormalMagnitude)
  }

  /// The scale byte of a group whose largest magnitude is `maximum`; NaN's for one without a largest.
  package func scaleByte(maximum: Float, outerScale: Float, _ rule: ScaleRule) -> UInt8 {
    switch scale {
    case .e8m0: rule.scale(maximum: maximum, format: elements).byte
    case .one: (maximum.isFinite ? E8M0(exponent: 0) : E8M0.nan).byte
    case .e4m3 where !maximum.isFinite: E4M3.nan.byte
    case .e4m3: number(for: maximum, to: elements.maximum, outerScale, rule).byte
    }
  }

  /// The scale with which a magnitude becomes `target`.
  private func number(
    for maximum: Float, to target: Float, _ outerScale: Float, _ rule: ScaleRule
  ) -> E4M3 {
    let wanted = maximum / outerScale / target
    guard rule == .truncationFree else { return E4M3(nearest: wanted) }
    let scale = E4M3(notBelow: wanted)
    let clips = maximum / (scale.value * outerScale) > target
    return clips && scale.value < E4M3.maximum ? E4M3(byte: scale.byte + 1) : scale
  }

  /// The scale byte of a group under 4/6 (`Quantizer.triesFour`), whose scale of 6 is known; that one where scales are powers of two.
  ///
  /// - Parameter maximum: the group's largest magnitude, which is finite.
  package func scaleByte(
    of group: [Float], six: UInt8, maximum: Float, outerScale: Float, _ rule: ScaleRule
  ) -> UInt8 {
    if scale != .e4m3 || maximum / outerScale / 4 > E4M3.maximum { return six }
    let four = number(for: maximum, to: 4, outerScale, rule).byte
    let losses = [six, four].map { loss(of: group, E4M3(byte: $0), outerScale) }
    return six == 0 || losses[1] < losses[0] ? four : six
  }

  private func loss(of group: [Float], _ scale: E4M3, _ outerScale: Float) -> Float {
    let whole = scale.value * outerScale
    var losses = [Float](repeating: 0, count: groupSize)
    for (place, x) in group.enumerated() {
      let y = whole == 0 ? 0 : x.magnitude / whole
      let q = elements.magnitude(of: elements.magnitudeCode(of: y, .nearestEven))
      let error = (y - q) * scale.value
      losses[place] = error * error
    }
    while losses.count > 1 {
      let half = losses.count / 2
      losses = (0..<half).map { losses[$0] + losses[$0 + half] }
    }
    return losses[0]
  }
}
