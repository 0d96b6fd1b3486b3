/// The definition of a quantizer: format, scale rule, rounding and axis, computed element by element.
///
/// This is the oracle that every fast quantizer of the package is held against, to the bit.
/// Source: Documentation/Numerics.md, sections 2 and 3; the paper's Eq. 1 and 2, section 3.2 and Algorithm 1.
public struct Quantizer: Equatable, Sendable {
  /// The format of elements, groups and scales.
  public var format: BlockFormat
  /// How scales are chosen that are powers of two. (Others are the nearest to the largest magnitude over `maximum`.)
  public var scaleRule: ScaleRule
  /// How elements are rounded.
  public var rounding: Rounding
  /// Along which axis the groups lie.
  public var axis: GroupAxis

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
  ///   - randomBits: the 16 random bits of element (row, column); needed by `Rounding.stochastic`.
  /// - Complexity: O(rows · columns).
  public func quantize(
    _ values: [Float], rows: Int, columns: Int, ema: [Float]? = nil,
    randomBits: ((_ row: Int, _ column: Int) -> UInt16)? = nil
  ) -> QuantizedMatrix {
    precondition(values.count == rows * columns, "\(values.count) values for \(rows) × \(columns)")
    let shape = format.scaleShape(rows: rows, columns: columns, along: axis)
    let size = format.groupSize
    let outerScale = outerScale(of: values)
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
        var maximum: Float = 0
        var hasNaN = false
        for element in Swift.stride(from: first, to: first + count * stride, by: stride) {
          maximum = max(maximum, values[element].magnitude)
          hasNaN = hasNaN || values[element].isNaN
        }
        let byte = scaleByte(maximum: hasNaN ? .nan : maximum, outerScale: outerScale)
        scales[i * shape.columns + j] = byte
        let scale = format.scale.value(of: byte) * outerScale
        // Codes are 0 where there is no scale, or where it is 0.
        guard scale > 0 else { continue }
        for element in Swift.stride(from: first, to: first + count * stride, by: stride) {
          let x = values[element]
          let decision: RoundingDecision =
            switch rounding {
            case .nearestEven: .nearestEven
            case .nearestAway: .nearestAway
            case .stochastic: .stochastic(randomBits!(element / columns, element % columns))
            case .ema: .ema((x.sign == .minus ? -ema![element] : ema![element]) / scale)
            }
          let code = format.elements.magnitudeCode(of: x.magnitude / scale, decision)
          codes[element] = x.sign == .minus ? code | 8 : code
        }
      }
    }
    return QuantizedMatrix(
      format: format, axis: axis, rows: rows, columns: columns, codes: codes, scales: scales,
      outerScale: outerScale)
  }

  /// The outer scale with which the scale of the largest magnitude is the largest there is; 1 for zeros. Numbers that are
  /// not finite, whose groups have no scale, do not count.
  private func outerScale(of values: [Float]) -> Float {
    guard format.outerScale == .matrix else { return 1 }
    let maximum = values.reduce(Float(0)) { $1.isFinite ? max($0, $1.magnitude) : $0 }
    return maximum == 0 ? 1 : maximum / format.largestWithoutOuterScale
  }

  /// The scale of a group whose largest magnitude is `maximum`; NaN for one without a largest.
  private func scaleByte(maximum: Float, outerScale: Float) -> UInt8 {
    switch format.scale {
    case .e8m0: scaleRule.scale(maximum: maximum, format: format.elements).byte
    case .one: (maximum.isFinite ? E8M0(exponent: 0) : E8M0.nan).byte
    case .e4m3 where !maximum.isFinite: E4M3.nan.byte
    case .e4m3: E4M3(nearest: maximum / outerScale / format.elements.maximum).byte
    }
  }
}
