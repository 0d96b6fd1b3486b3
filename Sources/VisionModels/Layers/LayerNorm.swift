import MXCompute
import MXRuntime

// Shapes: N rows (batch · tokens), C channels.

/// y = (x − mean)/√(variance + ε) · weight + bias over the channels of each row.
struct LayerNorm: Sendable {
  private let weight, bias: Parameter
  private let epsilon: Float

  /// Adds the layer's parameters, which do not decay, to a table.
  init(_ name: String, width: Int, epsilon: Float, in table: inout ParameterTable) {
    weight = table.add("\(name).weight", [width], initial: .constant(1), decays: false)
    bias = table.add("\(name).bias", [width], decays: false)
    self.epsilon = epsilon
  }

  struct Saved {
    var x: FloatMatrix
    /// [1, N] each.
    let mean, rstd: FloatMatrix
  }

  /// x [N, C] → y [N, C], which is made as it is read, once. x must stay as it is until the backward pass, or be made
  /// once more.
  ///
  /// - Parameter map: the order of the rows of y; nil for that of x.
  func forward(
    _ x: FloatMatrix, map: RowMap? = nil, _ pass: Pass
  ) -> (y: LazyMatrix, saved: Saved) {
    let saved = Saved(
      x: x, mean: pass.kept.matrix(rows: 1, columns: x.rows),
      rstd: pass.kept.matrix(rows: 1, columns: x.rows))
    let terms = NormTerms(
      x, map: map, weight: pass.weights[weight], bias: pass.weights[bias],
      epsilon: epsilon,
      mean: saved.mean, rstd: saved.rstd)
    return (.layerNorm(terms), saved)
  }

  /// The same into memory, overwritten.
  func forward(_ x: FloatMatrix, y: FloatMatrix, _ pass: Pass) -> Saved {
    let (lazy, saved) = forward(x, pass)
    pass.compute.make(lazy, into: y, arena: pass.scratch, profile: pass.profile)
    return saved
  }

  /// dx [N, C] += the gradient by x; the parameters' gradients are added to `gradients`.
  ///
  /// - Parameter map: from the rows of x to those of dy; nil for the same ones.
  func backward(
    dy: FloatMatrix, map: RowMap? = nil, _ saved: Saved, dx: FloatMatrix,
    gradients: AlignedBuffer<Float>, _ pass: Pass
  ) {
    pass.profile.measure(.norm) {
      pass.compute.layerNormBackward(
        saved.x, weight: pass.weights[weight], mean: saved.mean, rstd: saved.rstd, dy: dy,
        map: map, addingTo: dx, gradients: gradients[weight.joined(with: bias)], arena: pass.scratch
      )
    }
  }
}
