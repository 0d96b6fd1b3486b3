import MXCompute
import MXRuntime

// Shapes: B batch, P patches, C channels of a token, L numbers in a patch.
// Images [B, channels·size·size]; patches [P, L] with L in the order channel, row, column.

/// Cuts images into patches and projects them. Not quantized.
struct PatchProjection: Sendable {
  private let weight, bias: Parameter
  private let grid: PatchGrid

  init(_ grid: PatchGrid, width: Int, in table: inout ParameterTable) {
    self.grid = grid
    let length = grid.channels * grid.patch * grid.patch
    // As PyTorch's convolutions: uniform in ±1/√(fan-in).
    let initial = InitialValues.uniform(bound: 1 / Float(length).squareRoot())
    weight = table.add(
      "patch_embed.proj.weight", [width, grid.channels, grid.patch, grid.patch], initial: initial,
      decays: true)
    bias = table.add("patch_embed.proj.bias", [width], initial: initial, decays: false)
  }

  /// P.
  var patches: Int { grid.count }

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
