import MXLinear
import Runtime

// Shapes: B batch, P patches, T = P + 1 tokens, C channels of a token, L numbers in a patch.
// Images [B, channels, height, width]; patches [P, L] with L in the order channel, row, column.

/// Cuts images into patches and projects them. Not quantized.
struct PatchProjection: Sendable {
  let weight: Int
  let bias: Int
  let configuration: ModelConfiguration

  init(_ configuration: ModelConfiguration, in table: inout ParameterTable) {
    self.configuration = configuration
    let (width, patch) = (configuration.width, configuration.patchSize)
    weight = table.add(
      "patch_embed.proj.weight", [width, configuration.channels, patch, patch], decays: true)
    bias = table.add("patch_embed.proj.bias", [width], decays: false)
  }

  /// Calls `body` for every image, in parallel, with what writes its projected patches [P, C] somewhere.
  func forEachImage(
    _ images: UnsafePointer<Float>, batch: Int, _ pass: Pass,
    _ body: (_ image: Int, _ project: (FloatMatrix) -> Void) -> Void
  ) {
    let (width, length) = (configuration.width, configuration.patchLength)
    pass.scratch.scratch {
      let patches = patches(of: images, batch: batch, pass)
      parallelFor(batch) { image in
        body(image) { rows in
          Kernels.current.broadcast(pass.weights + bias, into: rows)
          BLAS.gemm(
            transposeB: true, m: configuration.patches, n: width, k: length,
            patches.row(image * configuration.patches), length, pass.weights + weight, length,
            beta: 1, rows.base, width)
        }
      }
    }
  }

  /// dPatches [B·P, C] → the gradients of the parameters. Images have no gradient.
  func backward(
    _ dPatches: FloatMatrix, images: UnsafePointer<Float>, gradients: UnsafeMutablePointer<Float>,
    _ pass: Pass
  ) {
    pass.scratch.scratch {
      let patches = patches(
        of: images, batch: dPatches.rows / configuration.patches, pass)
      addColumnSums(of: dPatches, to: gradients + bias, arena: pass.scratch)
      SimulatedProducts.weightGradient(
        dPatches, patches,
        dw: FloatMatrix(
          gradients + weight, rows: configuration.width, columns: configuration.patchLength))
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

/// The embedding of a ViT: projected patches behind a class token, plus the position embedding.
struct PatchEmbedding: Sendable {
  let classToken: Int
  let position: Int
  let projection: PatchProjection
  let configuration: ModelConfiguration

  init(_ configuration: ModelConfiguration, in table: inout ParameterTable) {
    self.configuration = configuration
    let width = configuration.width
    classToken = table.add("cls_token", [1, 1, width], decays: false)
    position = table.add("pos_embed", [1, configuration.tokens, width], decays: false)
    projection = PatchProjection(configuration, in: &table)
  }

  /// Images → tokens [B·T, C].
  func forward(_ images: UnsafePointer<Float>, batch: Int, _ pass: Pass) -> FloatMatrix {
    let (tokens, width) = (configuration.tokens, configuration.width)
    let x = pass.kept.matrix(rows: batch * tokens, columns: width)
    projection.forEachImage(images, batch: batch, pass) { image, project in
      let rows = x.rows(image * tokens..<(image + 1) * tokens)
      rows.row(0).update(from: pass.weights + classToken, count: width)
      project(rows.rows(1..<tokens))
      Kernels.current.addScaled(
        rows.base, scale: 1, branch: pass.weights + position, into: rows.base, rows.count)
    }
    return x
  }

  /// dx [B·T, C] → the gradients of the parameters.
  func backward(
    _ dx: FloatMatrix, images: UnsafePointer<Float>, gradients: UnsafeMutablePointer<Float>,
    _ pass: Pass
  ) {
    let (tokens, width, count) = (configuration.tokens, configuration.width, configuration.patches)
    let batch = dx.rows / tokens
    pass.scratch.scratch {
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
      projection.backward(dPatches, images: images, gradients: gradients, pass)
    }
  }
}
