/// The definition of a quantizer: format, scale rule, rounding and axis, computed element by element.
///
/// This is the oracle that every fast quantizer of the package is held against, to the bit.
/// Source: Documentation/Numerics.md, sections 2 and 3; the paper's Eq. 1 and 2, section 3.2 and Algorithm 1.
public struct Quantizer: Equatable, Sendable {
  /// The format of the elements.
  public var format: ElementFormat
  /// How scales are chosen.
  public var scaleRule: ScaleRule
  /// How elements are rounded.
  public var rounding: Rounding
  /// Along which axis the groups lie.
  public var axis: GroupAxis

  /// A quantizer; by default the paper's forward quantizer of a matrix that is contracted along its
  /// rows.
  public init(
    format: ElementFormat = .e2m1, scaleRule: ScaleRule = .truncationFree,
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
    let shape = axis.scaleShape(rows: rows, columns: columns)
    let size = GroupAxis.groupSize
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
        let scale = hasNaN ? E8M0.nan : scaleRule.scale(maximum: maximum, format: format)
        scales[i * shape.columns + j] = scale.byte
        if scale.isNaN { continue }
        for element in Swift.stride(from: first, to: first + count * stride, by: stride) {
          let x = values[element]
          let decision: RoundingDecision =
            switch rounding {
            case .nearestEven: .nearestEven
            case .nearestAway: .nearestAway
            case .stochastic: .stochastic(randomBits!(element / columns, element % columns))
            case .ema: .ema((x.sign == .minus ? -ema![element] : ema![element]) * scale.reciprocal)
            }
          let code = format.magnitudeCode(of: x.magnitude * scale.reciprocal, decision)
          codes[element] = x.sign == .minus ? code | 8 : code
        }
      }
    }
    return QuantizedMatrix(
      format: format, axis: axis, rows: rows, columns: columns, codes: codes, scales: scales)
  }
}
