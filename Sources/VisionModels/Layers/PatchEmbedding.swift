import MXCompute
import MXRuntime

// Shapes: B batch, P patches, T tokens, C channels of a token.

/// From images to the tokens of the first block: projected patches, normalized in some families, behind a class token in
/// others.
package struct PatchEmbedding: Sendable {
  private let width: Int
  private let classToken: ClassToken?
  private let projection: PatchProjection
  private let norm: LayerNorm?

  /// What it is made of.
  package struct Shape: Sendable {
    /// How images are cut.
    package var grid: PatchGrid
    /// C.
    package var width: Int
    /// ε of the patches' norm; nil for none.
    package var normEpsilon: Float?
    /// The class token; nil for none.
    package var classToken: ClassToken.Shape?
    /// T.
    package var tokens: Int { grid.count + (classToken == nil ? 0 : 1) }
  }

  init(_ shape: Shape, in table: inout ParameterTable) {
    width = shape.width
    classToken = shape.classToken.map {
      ClassToken($0, patches: shape.grid.count, width: shape.width, in: &table)
    }
    (projection, norm) = table.adding(.patches) { table in
      (
        PatchProjection(shape.grid, width: shape.width, in: &table),
        shape.normEpsilon.map {
          LayerNorm("patch_embed.norm", width: shape.width, epsilon: $0, in: &table)
        }
      )
    }
  }

  /// Images → tokens [B·T, C].
  func forward(
    _ images: FloatMatrix, _ pass: Pass
  ) -> (x: FloatMatrix, saved: LayerNorm.Saved?) {
    guard let classToken else { return patches(images, in: pass.kept, pass) }
    let x = pass.kept.matrix(rows: classToken.rows(images: images.rows), columns: width)
    let saved = pass.scratch.scratch {
      let (patches, saved) = patches(images, in: pass.scratch, pass)
      classToken.forward(patches, into: x, pass)
      return saved
    }
    return (x, saved)
  }

  /// dx [B·T, C] → the gradients of the parameters.
  func backward(
    _ dx: FloatMatrix, _ saved: LayerNorm.Saved?, images: FloatMatrix,
    gradients: AlignedBuffer<Float>, _ pass: Pass
  ) {
    pass.scratch.scratch {
      var dPatches = classToken?.backward(dx, gradients: gradients, pass) ?? dx
      if let norm, let saved {
        let dy = dPatches
        dPatches = pass.scratch.matrix(rows: dy.rows, columns: dy.columns)
        pass.compute.fill(dPatches, with: 0)
        norm.backward(dy: dy, saved, dx: dPatches, gradients: gradients, pass)
      }
      projection.backward(dPatches, images: images, gradients: gradients, pass)
    }
  }

  /// The patches [B·P, C] of images, in an arena.
  private func patches(
    _ images: FloatMatrix, in arena: Arena, _ pass: Pass
  ) -> (x: FloatMatrix, saved: LayerNorm.Saved?) {
    let rows = images.rows * projection.patches
    let projected = (norm == nil ? arena : pass.kept).matrix(rows: rows, columns: width)
    projection.forward(images, y: projected, pass)
    guard let norm else { return (projected, nil) }
    let x = arena.matrix(rows: rows, columns: width)
    return (x, norm.forward(projected, y: x, pass))
  }
}
