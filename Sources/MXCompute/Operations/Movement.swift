import MXFormats
import MXRuntime

/// How far weights and their quantized values have come since a window began, in the layout of the weights.
package struct MovementTrack {
  /// The values after the step before.
  package let weightBefore, quantizedBefore: AlignedBuffer<Float>
  /// Σ|Δw| and Σ|Δw_Q|.
  package let weightPath, quantizedPath: AlignedBuffer<Float>

  package init(count: Int) {
    (weightBefore, quantizedBefore) = (AlignedBuffer(count: count), AlignedBuffer(count: count))
    (weightPath, quantizedPath) = (AlignedBuffer(count: count), AlignedBuffer(count: count))
  }

  /// R_w = Σ|Δw_Q| / (Σ|Δw| + 10⁻⁸) of the weight at a place (the paper's section 3.3).
  package func ratio(_ place: Int) -> Float {
    quantizedPath[place] / (weightPath[place] + 1e-8)
  }
}

/// How far weights and their quantized values moved in one step: sums over the elements of a slice, in double
/// precision; squares, and so the weights' unit squared, but for the count of flips. From them come r(W), r(W_Q) and the
/// flips of the paper's Appendix A.
package struct WeightMovement: BitwiseCopyable, Sendable {
  /// Σ(Δw)² and Σw² before the step.
  package var change = 0.0, magnitude = 0.0
  /// The same of the quantized values.
  package var quantizedChange = 0.0, quantizedMagnitude = 0.0
  /// Elements whose quantized value has changed.
  package var flips = 0

  /// No movement.
  package init() {}

  /// Adds the movement of other elements.
  package static func += (a: inout WeightMovement, b: WeightMovement) {
    a.change += b.change
    a.magnitude += b.magnitude
    a.quantizedChange += b.quantizedChange
    a.quantizedMagnitude += b.quantizedMagnitude
    a.flips += b.flips
  }
}

/// A quantized tensor [rows, columns] of the flat buffers, and its scales of groups along rows.
package struct QuantizedTensor: Sendable {
  /// The place of the first weight, and of the first scale.
  package let offset, scaleOffset: Int
  package let rows, columns: Int
  package let format: BlockFormat
  /// Groups of a row.
  package var groups: Int { format.groups(columns) }
  /// The places of its weights.
  package var range: Range<Int> { offset..<offset + rows * columns }

  package init(offset: Int, scaleOffset: Int, rows: Int, columns: Int, format: BlockFormat) {
    (self.offset, self.scaleOffset, self.rows, self.columns) = (offset, scaleOffset, rows, columns)
    self.format = format
  }

  /// The place of the scale of element (row, column).
  package func scalePlace(row: Int, column: Int) -> Int {
    scaleOffset + row * groups + column / format.groupSize
  }
}

/// k1, k2 and N_max of N_w = min(k2·⌊R_w/k1⌋ + 1, N_max) (the paper's Algorithm 2).
package struct RampingRule: Sendable {
  package let k1, k2, limit: Float

  package init(k1: Float, k2: Float, limit: Float) {
    (self.k1, self.k2, self.limit) = (k1, k2, limit)
  }

  /// N_w.
  package func period(_ ratio: Float) -> Float { min(k2 * (ratio / k1).rounded(.down) + 1, limit) }
}

/// What iterative freezing knows of each weight (Nagel et al. 2022, section 4.2), in the layout of the weights.
package struct FreezeState {
  /// The direction of the last move of v = Q2(w), and f and the mean of v as moving averages.
  package let direction, frequency, mean: AlignedBuffer<Float>
  /// What a weight is held at; NaN for a free one.
  package let held: AlignedBuffer<Float>
  /// v now and a step before.
  package var values, valuesBefore: AlignedBuffer<Float>
  /// The groups' E8M0 bytes, now and a step before.
  package var scales, scalesBefore: AlignedBuffer<UInt8>

  /// All weights free.
  package init(count: Int, groups: Int) {
    func buffer() -> AlignedBuffer<Float> { AlignedBuffer(count: count) }
    (direction, frequency, mean) = (buffer(), buffer(), buffer())
    held = AlignedBuffer(repeating: .nan, count: count)
    (values, valuesBefore) = (buffer(), buffer())
    (scales, scalesBefore) = (AlignedBuffer(count: groups), AlignedBuffer(count: groups))
  }

  /// What is now becomes what was a step before.
  package mutating func advance() {
    swap(&values, &valuesBefore)
    swap(&scales, &scalesBefore)
  }
}

/// How weights are frozen in a step.
package struct FreezeRule: Sendable {
  /// m of f ← m·o + (1 − m)·f, and of the running mean.
  package let momentum: Float
  /// f above which a weight is frozen; nil before the first may be.
  package let threshold: Float?
  /// The format of the grid on which it is held.
  package let format: ElementFormat

  package init(momentum: Float, threshold: Float?, format: ElementFormat) {
    (self.momentum, self.threshold, self.format) = (momentum, threshold, format)
  }

  /// The value of a group's grid that is nearest to x.
  package func nearest(_ x: Float, _ scale: E8M0) -> Float {
    let code = format.magnitudeCode(of: x.magnitude * scale.reciprocal, .nearestEven)
    let magnitude = format.value(of: code) * scale.value
    return x.sign == .minus ? -magnitude : magnitude
  }
}
