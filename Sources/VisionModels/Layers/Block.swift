import MXCompute
import MXLinear
import MXRuntime

// Shapes: B batch, T tokens, C channels, N = B·T rows.

/// A pre-norm transformer block: x₁ = x + s₁·attention(norm1(x)), y = x₁ + s₂·mlp(norm2(x₁)), where s is
/// drop path's factor of an image, times that of a channel in families with LayerScale. With windows, attention and its projections see the tokens in their order.
struct Block: Sendable {
  let norm1: LayerNorm
  let qkv: LinearLayer
  let attention: Attention
  let proj: LinearLayer
  /// Behind proj, and behind fc2.
  let scale1, scale2: LayerScale?
  let norm2: LayerNorm
  let fc1: LinearLayer
  let fc2: LinearLayer
  let name: String
  /// The block's number in the model.
  let index: Int
  let dropPath: DropPath
  let windows: WindowLayout?

  struct Shape: Sendable {
    var name: String
    /// The block's number in the model, which keys random bits.
    var index: Int
    var width, heads, hidden, tokens: Int
    var epsilon, dropPath: Float
    var windows: WindowShape?
    /// What LayerScale starts from; nil for none.
    var layerScale: Float?
    /// Rows of an image that attention sees.
    var attentionRows: Int { windows.map { $0.windows * $0.area } ?? tokens }
  }

  init(_ shape: Shape, recipe: LinearRecipe, engine: Engine, in table: inout ParameterTable) {
    let (name, width, index) = (shape.name, shape.width, shape.index)
    (self.name, self.index) = (name, index)
    windows = shape.windows.map(WindowLayout.init)
    norm1 = LayerNorm("\(name).norm1", width: width, epsilon: shape.epsilon, in: &table)
    qkv = LinearLayer(
      "\(name).attn.qkv", index: 4 * index, inputs: width, outputs: 3 * width, recipe: recipe,
      engine: engine, in: &table)
    var attention = Attention(
      shape: AttentionShape(
        tokens: shape.windows?.area ?? shape.tokens, width: width, heads: shape.heads))
    if let windows {
      attention.bias = RelativePositionBias(
        "\(name).attn", window: windows.shape.window, heads: shape.heads, in: &table)
      attention.masks = windows.masks
    }
    self.attention = attention
    proj = LinearLayer(
      "\(name).attn.proj", index: 4 * index + 1, inputs: width, outputs: width, recipe: recipe,
      engine: engine, in: &table)
    scale1 = shape.layerScale.map {
      LayerScale("\(name).ls1", width: width, initial: $0, in: &table)
    }
    norm2 = LayerNorm("\(name).norm2", width: width, epsilon: shape.epsilon, in: &table)
    fc1 = LinearLayer(
      "\(name).mlp.fc1", index: 4 * index + 2, inputs: width, outputs: shape.hidden,
      recipe: recipe, engine: engine, in: &table)
    fc2 = LinearLayer(
      "\(name).mlp.fc2", index: 4 * index + 3, inputs: shape.hidden, outputs: width,
      recipe: recipe, engine: engine, in: &table)
    scale2 = shape.layerScale.map {
      LayerScale("\(name).ls2", width: width, initial: $0, in: &table)
    }
    dropPath = DropPath(probability: shape.dropPath, tokens: shape.tokens)
  }

  struct Saved {
    let norm1: LayerNorm.Saved
    let qkvLinear: Linear.Saved
    /// [N, 3·C], N the rows of the windows where there are any.
    let qkv: FloatMatrix
    let proj: Linear.Saved
    /// [N, C], before LayerScale; nil without it.
    let branch1, branch2: FloatMatrix?
    let norm2: LayerNorm.Saved
    let fc1Linear: Linear.Saved
    /// [N, hidden], before GELU; nil where the backward pass computes it again from codes.
    let fc1: FloatMatrix?
    let fc2: Linear.Saved
  }

  /// x [N, C] → y [N, C]. x must stay as it is until the backward pass.
  func forward(_ x: FloatMatrix, _ pass: Pass) throws -> (y: FloatMatrix, saved: Saved) {
    let (rows, width) = (x.rows, x.columns)
    let windowRows = windows?.toWindows.rows(rows) ?? rows
    let qkvOut = pass.kept.matrix(rows: windowRows, columns: 3 * width)
    let x1 = pass.kept.matrix(rows: rows, columns: width)
    let y = pass.kept.matrix(rows: rows, columns: width)

    let (norm1Saved, qkvSaved) = try pass.scratch.scratch {
      let h1 = qkv.inputMatrix(rows: windowRows, pass)
      let normed = windows == nil ? h1 : pass.scratch.matrix(rows: rows, columns: width)
      let saved = norm1.forward(x, y: normed, pass)
      if let windows { pass.compute.gather(normed, windows.toWindows, into: h1) }
      return (saved, try qkv.forward(h1, y: qkvOut, pass))
    }
    let (projSaved, branch1) = try pass.scratch.scratch {
      let o = proj.inputMatrix(rows: windowRows, pass)
      attention.forward(qkvOut, o: o, pass)
      let branch = branchMatrix(rows: windowRows, pass)
      let saved = try proj.forward(o, y: branch, pass)
      let scaled = inOrder(scale1?.forward(branch, pass) ?? branch, rows: rows, pass)
      dropPath.add(scaled, to: x, into: x1, stream(0, pass), pass.compute)
      return (saved, scale1.map { _ in branch })
    }

    return try pass.scratch.scratch {
      let lasting = fc1.canRecomputeOutput ? pass.scratch : pass.kept
      let fc1Out = lasting.matrix(rows: rows, columns: fc1.outputs)
      let (norm2Saved, fc1Saved) = try pass.scratch.scratch {
        let h2 = fc1.inputMatrix(rows: rows, pass)
        let saved = norm2.forward(x1, y: h2, pass)
        return (saved, try fc1.forward(h2, y: fc1Out, pass))
      }
      // In place where nobody needs the numbers before GELU: half the memory to go through.
      let activated = fc2.inputMatrix(
        rows: rows, reusing: fc1.canRecomputeOutput ? fc1Out : nil, pass)
      pass.profile.measure(.gelu) { pass.compute.gelu(fc1Out, into: activated) }
      let branch = branchMatrix(rows: rows, pass)
      let fc2Saved = try fc2.forward(activated, y: branch, pass)
      let scaled = scale2?.forward(branch, pass) ?? branch
      dropPath.add(scaled, to: x1, into: y, stream(1, pass), pass.compute)
      let saved = Saved(
        norm1: norm1Saved, qkvLinear: qkvSaved, qkv: qkvOut, proj: projSaved,
        branch1: branch1, branch2: scale2.map { _ in branch }, norm2: norm2Saved,
        fc1Linear: fc1Saved, fc1: fc1.canRecomputeOutput ? nil : fc1Out, fc2: fc2Saved)
      return (y, saved)
    }
  }

  /// `gradient` [N, C] goes in as dy and comes out as dx.
  func backward(
    _ gradient: FloatMatrix, _ saved: Saved, gradients: AlignedBuffer<Float>, _ pass: Pass
  ) throws {
    try pass.scratch.scratch {
      let dScaled = dropPath.scaled(gradient, stream(1, pass), pass)
      let dBranch = unscaled(dScaled, scale2, saved.branch2, gradients: gradients, pass)
      let dActivated = try fc2.backward(dy: dBranch, saved.fc2, gradients: gradients, pass)
      pass.scratch.scratch {
        let fc1Out =
          saved.fc1 ?? fc1.recomputedOutput(saved.fc1Linear, rows: gradient.rows, pass)
        pass.profile.measure(.gelu) {
          pass.compute.geluBackward(fc1Out, dy: dActivated, into: dActivated)
        }
      }
      let dh2 = try fc1.backward(dy: dActivated, saved.fc1Linear, gradients: gradients, pass)
      norm2.backward(dy: dh2, saved.norm2, dx: gradient, gradients: gradients, pass)
    }
    try pass.scratch.scratch {
      let dScaled = inWindows(dropPath.scaled(gradient, stream(0, pass), pass), pass)
      let dBranch = unscaled(dScaled, scale1, saved.branch1, gradients: gradients, pass)
      let dO = try proj.backward(dy: dBranch, saved.proj, gradients: gradients, pass)
      let dqkv = attention.backward(do: dO, qkv: saved.qkv, gradients: gradients, pass)
      let dh1 = try qkv.backward(dy: dqkv, saved.qkvLinear, gradients: gradients, pass)
      norm1.backward(
        dy: inOrder(dh1, rows: gradient.rows, pass), saved.norm1, dx: gradient,
        gradients: gradients, pass)
    }
  }

  /// Memory for the output of a branch: lasting where LayerScale needs it again.
  private func branchMatrix(rows: Int, _ pass: Pass) -> FloatMatrix {
    (scale1 == nil ? pass.scratch : pass.kept).matrix(rows: rows, columns: proj.outputs)
  }

  /// The gradient before LayerScale, in scratch memory; dy itself without it.
  private func unscaled(
    _ dy: FloatMatrix, _ scale: LayerScale?, _ branch: FloatMatrix?,
    gradients: AlignedBuffer<Float>, _ pass: Pass
  ) -> FloatMatrix {
    guard let scale, let branch else { return dy }
    return scale.backward(dy, x: branch, gradients: gradients, pass)
  }

  /// The rows of the windows, in scratch memory; x itself without windows.
  private func inWindows(_ x: FloatMatrix, _ pass: Pass) -> FloatMatrix {
    guard let windows else { return x }
    let y = pass.scratch.matrix(rows: windows.toWindows.rows(x.rows), columns: x.columns)
    pass.compute.gather(x, windows.toWindows, into: y)
    return y
  }

  /// The rows of the image, in scratch memory; y itself without windows.
  private func inOrder(_ y: FloatMatrix, rows: Int, _ pass: Pass) -> FloatMatrix {
    guard let windows else { return y }
    let x = pass.scratch.matrix(rows: rows, columns: y.columns)
    pass.compute.gather(y, windows.toImage, into: x)
    return x
  }

  /// Every linear layer, in the order of their numbers.
  var linearLayers: [LinearLayer] { [qkv, proj, fc1, fc2] }

  private func stream(_ branch: Int, _ pass: Pass) -> RandomStream? {
    guard pass.training else { return nil }
    return pass.context.random(.dropPath, layer: 2 * index + branch)
  }
}
