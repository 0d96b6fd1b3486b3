import MXRuntime

// Shapes: N rows, C channels.

/// y = γ ⊙ x, a learnt factor for each channel of a branch (Touvron et al. 2021, "Going deeper with Image Transformers",
/// Eq. 4).
struct LayerScale: Sendable {
  private let gamma: Parameter

  init(_ name: String, width: Int, initial: Float, in table: inout ParameterTable) {
    gamma = table.adding(.scales) {
      $0.add("\(name).gamma", [width], initial: .constant(initial), decays: false)
    }
  }

  /// x [N, C] → y [N, C], in scratch memory. x must stay as it is until the backward pass.
  func forward(_ x: FloatMatrix, _ pass: Pass) -> FloatMatrix {
    let y = pass.scratch.matrix(rows: x.rows, columns: x.columns)
    pass.compute.multiply(x, byEachImage: pass.weights[gamma], into: y)
    return y
  }

  /// dy [N, C] → dx [N, C], in scratch memory; the factors' gradient is added to `gradients`.
  func backward(
    _ dy: FloatMatrix, x: FloatMatrix, gradients: AlignedBuffer<Float>, _ pass: Pass
  ) -> FloatMatrix {
    let dx = pass.scratch.matrix(rows: dy.rows, columns: dy.columns)
    pass.compute.multiply(dy, byEachImage: x, into: dx)
    pass.compute.addImages(of: dx, to: gradients[gamma])
    pass.compute.multiply(dy, byEachImage: pass.weights[gamma], into: dx)
    return dx
  }
}
