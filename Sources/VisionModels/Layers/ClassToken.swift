import MXCompute
import MXRuntime

// Shapes: B batch, P patches, T = P + 1 tokens, C channels of a token.

/// The class token, which stands before the patches of every image, and the position embedding.
package struct ClassToken: Sendable {
  /// What it is like.
  package struct Shape: Sendable {
    /// Of its initial values.
    var deviation: Float
    /// Whether it has a position of its own; else positions are those of the patches alone.
    package var hasPosition = true
  }

  private let hasPosition: Bool
  private let token, position: Parameter
  /// Patches behind a row of zeros, and back.
  private let toTokens, toPatches: RowMap
  /// The class token of each image.
  private let toClass: RowMap

  init(_ shape: Shape, patches: Int, width: Int, in table: inout ParameterTable) {
    hasPosition = shape.hasPosition
    token = table.add(
      "cls_token", [1, 1, width], initial: .normal(deviation: shape.deviation), decays: false)
    let places = patches + (shape.hasPosition ? 1 : 0)
    position = table.adding(.positions) {
      $0.add("pos_embed", [1, places, width], initial: .narrowNormal, decays: false)
    }
    toTokens = RowMap([-1] + Array(0..<patches), of: patches)
    toPatches = toTokens.inverse
    toClass = RowMap([0], of: patches + 1)
  }

  /// B·T.
  func rows(images: Int) -> Int { images * toTokens.sources.count }

  /// patches [B·P, C] → x [B·T, C], overwritten.
  func forward(_ patches: FloatMatrix, into x: FloatMatrix, _ pass: Pass) {
    let compute = pass.compute
    compute.gather(patches, toTokens, into: x)
    // What every image gets: the positions, and on the first the class token.
    let common = pass.scratch.matrix(rows: toTokens.sources.count, columns: x.columns)
    let first = common.rows(0..<1)
    if hasPosition {
      compute.copy(pass.weights[position], into: common)
      compute.add(pass.weights[token], to: first)
    } else {
      compute.copy(pass.weights[token], into: first)
      compute.copy(pass.weights[position], into: common.rows(1..<common.rows))
    }
    compute.addToEachImage(common, to: x)
  }

  /// dx [B·T, C] → the gradients of the patches [B·P, C], in scratch memory.
  func backward(
    _ dx: FloatMatrix, gradients: AlignedBuffer<Float>, _ pass: Pass
  ) -> FloatMatrix {
    let (compute, scratch) = (pass.compute, pass.scratch)
    let classes = scratch.matrix(rows: toClass.rows(dx.rows), columns: dx.columns)
    compute.gather(dx, toClass, into: classes)
    compute.addImages(of: classes, to: gradients[token])
    let dPatches = scratch.matrix(rows: toPatches.rows(dx.rows), columns: dx.columns)
    compute.gather(dx, toPatches, into: dPatches)
    compute.addImages(of: hasPosition ? dx : dPatches, to: gradients[position])
    return dPatches
  }
}
