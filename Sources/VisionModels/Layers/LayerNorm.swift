import MXLinear
import Runtime

// Shapes: N rows (batch · tokens), C channels.

/// y = (x − mean)/√(variance + ε) · weight + bias over the channels of each row.
struct LayerNorm: Sendable {
  let weight: Int
  let bias: Int
  let width: Int
  let epsilon: Float

  /// Adds the layer's parameters, which do not decay, to a table.
  init(_ name: String, width: Int, epsilon: Float, in table: inout ParameterTable) {
    weight = table.add("\(name).weight", [width], decays: false)
    bias = table.add("\(name).bias", [width], decays: false)
    self.width = width
    self.epsilon = epsilon
  }

  struct Saved {
    let x: FloatMatrix
    /// [N] each.
    let mean: UnsafeMutablePointer<Float>
    let rstd: UnsafeMutablePointer<Float>
  }

  /// x [N, C] → y [N, C], overwritten. x must stay as it is until the backward pass.
  func forward(_ x: FloatMatrix, y: FloatMatrix, _ pass: Pass) -> Saved {
    let saved = Saved(x: x, mean: pass.kept.allocate(x.rows), rstd: pass.kept.allocate(x.rows))
    pass.profile.measure(.norm) {
      parallelRanges(x.rows, length: max(1, elementsPerSlice / width)) { rows in
        Kernels.current.layerNorm(
          x.rows(rows), weight: pass.weights + weight, bias: pass.weights + bias, epsilon: epsilon,
          y: y.rows(rows), mean: saved.mean + rows.lowerBound, rstd: saved.rstd + rows.lowerBound)
      }
    }
    return saved
  }

  /// dx [N, C] += the gradient by x; the parameters' gradients are added to `gradients`.
  func backward(
    dy: FloatMatrix, _ saved: Saved, dx: FloatMatrix, gradients: UnsafeMutablePointer<Float>,
    _ pass: Pass
  ) {
    pass.profile.measure(.norm) {
      // The bias lies behind the weight in the table: one array of sums serves both.
      reduceRows(
        dy.rows, into: gradients + weight, columns: 2 * width, arena: pass.scratch
      ) { rows, partial in
        Kernels.current.layerNormBackward(
          saved.x.rows(rows), weight: pass.weights + weight, mean: saved.mean + rows.lowerBound,
          rstd: saved.rstd + rows.lowerBound, dy: dy.rows(rows), dx: dx.rows(rows),
          dweight: partial, dbias: partial + width)
      }
    }
  }
}
