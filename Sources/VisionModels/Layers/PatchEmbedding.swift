import MXLinear
import Runtime

// Shapes: B batch, P patches, T = P + 1 tokens, C channels of a token, L numbers in a patch.
// Images [B, channels, height, width]; patches [P, L] with L in the order channel, row, column.

/// Cuts images into patches, projects them, puts the class token in front and adds the position
/// embedding. Not quantized.
struct PatchEmbedding: Sendable {
  let classToken: Int
  let position: Int
  let weight: Int
  let bias: Int
  let configuration: ViTConfiguration

  init(_ configuration: ViTConfiguration, in table: inout ParameterTable) {
    self.configuration = configuration
    let (width, patch) = (configuration.width, configuration.patchSize)
    classToken = table.add("cls_token", [1, 1, width], decays: false)
    position = table.add("pos_embed", [1, configuration.tokens, width], decays: false)
    weight = table.add(
      "patch_embed.proj.weight", [width, configuration.channels, patch, patch], decays: true)
    bias = table.add("patch_embed.proj.bias", [width], decays: false)
  }

  /// Images → tokens [B·T, C].
  func forward(_ images: UnsafePointer<Float>, batch: Int, _ pass: Pass) -> FloatMatrix {
    let (tokens, width) = (configuration.tokens, configuration.width)
    let x = pass.kept.matrix(rows: batch * tokens, columns: width)
    pass.scratch.scratch {
      let patches = patches(of: images, batch: batch, pass)
      parallelFor(batch) { image in
        let rows = x.rows(image * tokens..<(image + 1) * tokens)
        rows.row(0).update(from: pass.weights + classToken, count: width)
        Kernels.current.broadcast(pass.weights + bias, into: rows.rows(1..<tokens))
        let own = patches.row(image * configuration.patches)
        BLAS.gemm(
          transposeB: true, m: configuration.patches, n: width, k: configuration.patchLength, own,
          configuration.patchLength, pass.weights + weight, configuration.patchLength, beta: 1,
          rows.row(1), width)
        Kernels.current.addScaled(
          rows.base, scale: 1, branch: pass.weights + position, into: rows.base, rows.count)
      }
    }
    return x
  }

  /// dx [B·T, C] → the gradients of the parameters. Images have no gradient.
  func backward(
    _ dx: FloatMatrix, images: UnsafePointer<Float>, gradients: UnsafeMutablePointer<Float>,
    _ pass: Pass
  ) {
    let (tokens, width, count) = (configuration.tokens, configuration.width, configuration.patches)
    let batch = dx.rows / tokens
    pass.scratch.scratch {
      let patches = patches(of: images, batch: batch, pass)
      let dPatches = pass.scratch.matrix(rows: batch * count, columns: width)
      for image in 0..<batch {
        let source = dx.rows(image * tokens..<(image + 1) * tokens)
        Kernels.current.addScaled(
          gradients + classToken, scale: 1, branch: source.base, into: gradients + classToken, width
        )
        Kernels.current.addScaled(
          gradients + position, scale: 1, branch: source.base, into: gradients + position,
          source.count)
        dPatches.row(image * count).update(from: source.row(1), count: count * width)
      }
      addColumnSums(of: dPatches, to: gradients + bias, arena: pass.scratch)
      SimulatedProducts.weightGradient(
        dPatches, patches,
        dw: FloatMatrix(gradients + weight, rows: width, columns: configuration.patchLength))
    }
  }

  /// [B·P, L].
  private func patches(of images: UnsafePointer<Float>, batch: Int, _ pass: Pass) -> FloatMatrix {
    let (size, patch, channels) = (
      configuration.imageSize, configuration.patchSize, configuration.channels
    )
    let across = size / patch
    let result = pass.scratch.matrix(
      rows: batch * configuration.patches, columns: configuration.patchLength)
    parallelFor(batch) { image in
      var target = result.row(image * configuration.patches)
      let pixels = images + image * channels * size * size
      for index in 0..<configuration.patches {
        let corner = pixels + index / across * patch * size + index % across * patch
        for channel in 0..<channels {
          for row in 0..<patch {
            target.update(from: corner + (channel * size + row) * size, count: patch)
            target += patch
          }
        }
      }
    }
    return result
  }
}
