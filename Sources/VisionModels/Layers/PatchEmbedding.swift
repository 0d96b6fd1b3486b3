import MXCompute
import MXRuntime

// Shapes: B batch, P patches, T = P + 1 tokens, C channels of a token, L numbers in a patch.
// Images [B, channels·size·size]; patches [P, L] with L in the order channel, row, column.

/// Cuts images into patches and projects them. Not quantized.
struct PatchProjection: Sendable {
  private let weight, bias: Parameter
  private let grid: PatchGrid

  init(_ grid: PatchGrid, width: Int, in table: inout ParameterTable) {
    self.grid = grid
    weight = table.add(
      "patch_embed.proj.weight", [width, grid.channels, grid.patch, grid.patch], decays: true)
    bias = table.add("patch_embed.proj.bias", [width], decays: false)
  }

  /// Images → y [B·P, C], overwritten.
  func forward(_ images: FloatMatrix, y: FloatMatrix, _ pass: Pass) {
    pass.compute.projectPatches(
      images, grid, weight: pass.weights[weight], bias: pass.weights[bias], into: y,
      arena: pass.scratch)
  }

  /// dy [B·P, C] → the gradients of the parameters. Images have no gradient.
  func backward(
    _ dy: FloatMatrix, images: FloatMatrix, gradients: AlignedBuffer<Float>, _ pass: Pass
  ) {
    pass.compute.projectPatchesBackward(
      images, grid, dy: dy, dWeight: gradients[weight], dBias: gradients[bias],
      arena: pass.scratch)
  }
}

/// The embedding of a ViT: projected patches behind a class token, plus the position embedding.
struct PatchEmbedding: Sendable {
  private let classToken, position: Parameter
  private let projection: PatchProjection
  /// Patches behind a row of zeros, and back.
  private let toTokens, toPatches: RowMap
  /// The class token of each image.
  private let toClass: RowMap

  init(_ grid: PatchGrid, width: Int, in table: inout ParameterTable) {
    classToken = table.add("cls_token", [1, 1, width], decays: false)
    position = table.add("pos_embed", [1, grid.count + 1, width], decays: false)
    projection = PatchProjection(grid, width: width, in: &table)
    toTokens = RowMap([-1] + Array(0..<grid.count), of: grid.count)
    toPatches = toTokens.inverse
    toClass = RowMap([0], of: grid.count + 1)
  }

  /// Images → tokens [B·T, C].
  func forward(_ images: FloatMatrix, _ pass: Pass) -> FloatMatrix {
    let (compute, position) = (pass.compute, pass.weights[position])
    let patches = images.rows * toTokens.length
    let x = pass.kept.matrix(rows: toTokens.rows(patches), columns: position.columns)
    pass.scratch.scratch {
      let projected = pass.scratch.matrix(rows: patches, columns: x.columns)
      projection.forward(images, y: projected, pass)
      compute.gather(projected, toTokens, into: x)
      // What every image gets: the positions, and on the first the class token.
      let common = pass.scratch.matrix(rows: position.rows, columns: position.columns)
      compute.copy(position, into: common)
      compute.add(pass.weights[classToken], to: common.rows(0..<1))
      compute.addToEachImage(common, to: x)
    }
    return x
  }

  /// dx [B·T, C] → the gradients of the parameters.
  func backward(
    _ dx: FloatMatrix, images: FloatMatrix, gradients: AlignedBuffer<Float>, _ pass: Pass
  ) {
    let compute = pass.compute
    pass.scratch.scratch {
      let classes = pass.scratch.matrix(rows: images.rows, columns: dx.columns)
      compute.gather(dx, toClass, into: classes)
      compute.addImages(of: classes, to: gradients[classToken])
      compute.addImages(of: dx, to: gradients[position])
      let dPatches = pass.scratch.matrix(rows: toPatches.rows(dx.rows), columns: dx.columns)
      compute.gather(dx, toPatches, into: dPatches)
      projection.backward(dPatches, images: images, gradients: gradients, pass)
    }
  }
}
