import MXCompute
import MXLinear
import MXRuntime

// Shapes: B batch, T tokens of an image, C channels of a token, K classes.

/// From the tokens of the last block to logits: norm, one vector for each image, a linear layer that is not quantized.
package struct ClassificationHead: Sendable {
  /// Which vector an image becomes.
  package enum Pooling: Sendable {
    /// Its first token.
    case classToken
    /// The mean of its tokens.
    case mean
  }

  /// What it is like.
  package struct Shape: Sendable {
    /// Of the linear layer.
    package var name: String
    /// Which vector an image becomes.
    package var pooling: Pooling
    /// C, T and K.
    package var width, tokens, classes: Int
    /// ε of the norm.
    package var epsilon: Float
  }

  private let shape: Shape
  private let norm: LayerNorm
  let linear: LinearLayer
  /// Tokens → class tokens, and back.
  private let toClass, toTokens: RowMap

  /// - Parameter index: the number of the linear layer.
  init(
    _ shape: Shape, index: Int, recipe: LinearRecipe, engine: Engine, in table: inout ParameterTable
  ) {
    self.shape = shape
    norm = LayerNorm("norm", width: shape.width, epsilon: shape.epsilon, in: &table)
    linear = table.adding(.head) {
      LinearLayer(
        shape.name, index: index, inputs: shape.width, outputs: shape.classes,
        recipe: recipe, engine: engine, kind: nil, in: &$0)
    }
    toClass = RowMap([0], of: shape.tokens)
    toTokens = toClass.inverse
  }

  struct Saved {
    let norm: LayerNorm.Saved
    let linear: Linear.Saved
  }

  /// x [B·T, C] → logits [B, K].
  func forward(_ x: FloatMatrix, _ pass: Pass) throws -> (logits: FloatMatrix, saved: Saved) {
    let batch = x.rows / shape.tokens
    let (pooled, normSaved) = pool(x, batch: batch, pass)
    let logits = pass.kept.matrix(rows: batch, columns: shape.classes)
    return (
      logits, Saved(norm: normSaved, linear: try linear.forward(pooled, y: logits, pass))
    )
  }

  /// x [B·T, C] → normalized vectors [B, C].
  private func pool(
    _ x: FloatMatrix, batch: Int, _ pass: Pass
  ) -> (y: LazyMatrix, saved: LayerNorm.Saved) {
    switch shape.pooling {
    case .classToken:
      // Only the class token reaches the head, so only its rows are normalized.
      let rows = pass.kept.matrix(rows: batch, columns: x.columns)
      pass.compute.gather(x, toClass, into: rows)
      return norm.forward(rows, pass)
    case .mean:
      let pooled = linear.inputMatrix(rows: batch, pass)
      let saved = pass.scratch.scratch {
        let normed = pass.scratch.matrix(rows: x.rows, columns: x.columns)
        let saved = norm.forward(x, y: normed, pass)
        pass.compute.means(of: normed, length: shape.tokens, into: pooled)
        return saved
      }
      return (.matrix(pooled), saved)
    }
  }

  /// dlogits [B, K] → dx [B·T, C], in scratch memory.
  func backward(
    _ dlogits: FloatMatrix, _ saved: Saved, gradients: AlignedBuffer<Float>, _ pass: Pass
  ) throws -> FloatMatrix {
    let (compute, scratch) = (pass.compute, pass.scratch)
    let dx = scratch.matrix(rows: dlogits.rows * shape.tokens, columns: shape.width)
    try scratch.scratch {
      let dPooled = try linear.backward(
        dy: .matrix(dlogits), saved.linear, gradients: gradients, pass)
      switch shape.pooling {
      case .classToken:
        let dClass = scratch.matrix(rows: dlogits.rows, columns: shape.width)
        compute.fill(dClass, with: 0)
        norm.backward(dy: dPooled, saved.norm, dx: dClass, gradients: gradients, pass)
        compute.gather(dClass, toTokens, into: dx)
      case .mean:
        let dNormed = scratch.matrix(rows: dx.rows, columns: dx.columns)
        compute.spreadMeans(dPooled, length: shape.tokens, into: dNormed)
        compute.fill(dx, with: 0)
        norm.backward(dy: dNormed, saved.norm, dx: dx, gradients: gradients, pass)
      }
    }
    return dx
  }
}
