import CMXKernels
import MXRuntime

/// Layers: shapes and formulas stand in CMXKernels.h.
extension Kernels {
  /// y = x·Φ(x) on n elements.
  package func gelu(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ n: Int) {
    table.pointee.gelu(x, y, n)
  }

  /// dx = dy·(Φ(x) + x·φ(x)) on n elements; dx may be dy.
  package func geluBackward(
    _ x: UnsafePointer<Float>, dy: UnsafePointer<Float>, dx: UnsafeMutablePointer<Float>, _ n: Int
  ) {
    table.pointee.gelu_backward(x, dy, dx, n)
  }

  /// Some rows of a layer norm, with their `mean` and `rstd`.
  package func layerNorm(_ terms: NormTerms, _ rows: Range<Int>, into y: FloatMatrix) {
    func normalize(_ source: Int, _ count: Int, into target: UnsafeMutablePointer<Float>) {
      table.pointee.layer_norm(
        terms.x.row(source), terms.weight.base, terms.bias.base, terms.epsilon, target,
        terms.mean.base + source, terms.rstd.base + source, count, y.columns)
    }
    if terms.map == nil { return normalize(rows.lowerBound, rows.count, into: y.base) }
    for (place, row) in rows.enumerated() {
      if let source = terms.map.source(of: row) {
        normalize(source, 1, into: y.row(place))
      } else {
        y.row(place).update(repeating: 0, count: y.columns)
      }
    }
  }

  /// Some rows in their order, times their factors.
  package func rows(_ terms: RowTerms, _ rows: Range<Int>, into y: FloatMatrix) {
    for (place, row) in rows.enumerated() {
      let target = y.row(place)
      guard let source = terms.map.source(of: row) else {
        target.update(repeating: 0, count: y.columns)
        continue
      }
      if let factor = terms.factor(source) {
        target.update(repeating: 0, count: y.columns)
        addScaled(target, scale: factor, branch: terms.x.row(source), into: target, y.columns)
      } else {
        target.update(from: terms.x.row(source), count: y.columns)
      }
    }
  }

  /// Every row of x -= a row.
  func subtract(_ row: UnsafePointer<Float>, from x: FloatMatrix) {
    for index in 0..<x.rows {
      addScaled(x.row(index), scale: -1, branch: row, into: x.row(index), x.columns)
    }
  }

  /// dx, dweight and dbias each += their gradient.
  package func layerNormBackward(
    _ x: FloatMatrix, weight: UnsafePointer<Float>, mean: UnsafePointer<Float>,
    rstd: UnsafePointer<Float>, dy: FloatMatrix, dx: FloatMatrix,
    dweight: UnsafeMutablePointer<Float>, dbias: UnsafeMutablePointer<Float>
  ) {
    table.pointee.layer_norm_backward(
      x.base, weight, mean, rstd, dy.base, dx.base, dweight, dbias, x.rows, x.columns)
  }

  /// One head of attention: q, k and v are T × K, `stride` numbers from token to token.
  package struct AttentionHead {
    /// Queries, keys, values.
    package let q, k, v: UnsafePointer<Float>
    /// Numbers between two tokens of q, k and v, and of their gradients.
    package let stride: Int
    /// Numbers between two tokens of the output.
    package let outputStride: Int
    /// T.
    package let tokens: Int
    /// K.
    package let width: Int
    /// Factor on the scores.
    package let scale: Float
    /// What products are of.
    package let precision: OperandPrecision
    /// T × T numbers added to the scaled scores, and more of them; nil for none.
    package var bias, mask: UnsafePointer<Float>?
    /// Where the backward pass adds the gradient of the bias.
    package var dBias: UnsafeMutablePointer<Float>?

    /// A view on a head's queries, keys and values.
    package init(
      q: UnsafePointer<Float>, k: UnsafePointer<Float>, v: UnsafePointer<Float>, stride: Int,
      outputStride: Int, tokens: Int, width: Int, scale: Float,
      precision: OperandPrecision = .fp32
    ) {
      (self.q, self.k, self.v) = (q, k, v)
      (self.stride, self.outputStride) = (stride, outputStride)
      (self.tokens, self.width, self.scale) = (tokens, width, scale)
      self.precision = precision
    }

    fileprivate var parameters: tj_attention {
      tj_attention(
        q: q, k: k, v: v, stride: stride, output_stride: outputStride, tokens: tokens, width: width,
        scale: scale, bias: bias, mask: mask, d_bias: dBias)
    }
  }

  /// o = softmax(scale · q·kᵀ + bias + mask)·v of one head.
  ///
  /// - Parameters:
  ///   - head: q, k and v, and how they lie.
  ///   - o: T × K, `outputStride` numbers from token to token, overwritten.
  ///   - scratch: `attentionScratch` numbers.
  package func attention(
    _ head: AttentionHead, o: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>
  ) {
    var parameters = head.parameters
    switch head.precision {
    case .fp32: table.pointee.attention(&parameters, o, scratch)
    case .bf16: table.pointee.attention_bf16(&parameters, o, scratch)
    }
  }

  /// The gradients of q, k and v, given that of o. The T × T probabilities are computed again.
  package func attentionBackward(
    _ head: AttentionHead, dOutput: UnsafePointer<Float>, dq: UnsafeMutablePointer<Float>,
    dk: UnsafeMutablePointer<Float>, dv: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    var parameters = head.parameters
    switch head.precision {
    case .fp32: table.pointee.attention_backward(&parameters, dOutput, dq, dk, dv, scratch)
    case .bf16: table.pointee.attention_backward_bf16(&parameters, dOutput, dq, dk, dv, scratch)
    }
  }

  /// Numbers of scratch that attention of T tokens and K numbers a head takes.
  package func attentionScratch(tokens: Int, width: Int) -> Int {
    table.pointee.attention_scratch(tokens, width)
  }

  /// Every row of y becomes `row`.
  package func broadcast(_ row: UnsafePointer<Float>, into y: FloatMatrix) {
    table.pointee.broadcast_row(row, y.base, y.rows, y.columns)
  }

  /// sums += the sums over the rows of x.
  package func addColumnSums(of x: FloatMatrix, to sums: UnsafeMutablePointer<Float>) {
    table.pointee.add_column_sums(x.base, sums, x.rows, x.columns)
  }

  /// y = x + scale · branch on n elements; y may be x.
  package func addScaled(
    _ x: UnsafePointer<Float>, scale: Float, branch: UnsafePointer<Float>,
    into y: UnsafeMutablePointer<Float>, _ n: Int
  ) {
    table.pointee.add_scaled(x, scale, branch, y, n)
  }

  /// The largest magnitude of n elements that is finite; 0 where none is.
  func largestMagnitude(_ x: UnsafePointer<Float>, _ n: Int) -> Float {
    table.pointee.largest_magnitude(x, n)
  }

  /// Σx² over n elements.
  package func sumOfSquares(_ x: UnsafePointer<Float>, _ n: Int) -> Double {
    table.pointee.sum_of_squares(x, n)
  }
}
