import MXCompute
import MXLinear
import MXRuntime

// Shapes: B batch, T tokens, C channels, N = B·T rows.

/// A pre-norm transformer block: x₁ = x + s₁·attention(norm1(x)), y = x₁ + s₂·mlp(norm2(x₁)), where s is
/// drop path's factor of an image, times that of a channel in families with LayerScale. With windows, attention and its projections see the tokens in their order.
package struct Block: Sendable {
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

  /// What it is like.
  package struct Shape: Sendable {
    /// What its parameters' names begin with.
    package var name: String
    /// The block's number in the model, which keys random bits.
    package var index: Int
    /// C, the heads, the MLP's hidden units, T.
    package var width, heads, hidden, tokens: Int
    /// ε of the norms, and how often a branch is dropped.
    package var epsilon, dropPath: Float
    /// The windows of attention; nil where all tokens see each other.
    package var windows: WindowShape?
    /// What LayerScale starts from; nil for none.
    package var layerScale: Float?
    /// What the products of attention are of.
    package var attention: OperandPrecision
    /// Rows of an image that attention sees.
    package var attentionRows: Int { windows.map { $0.windows * $0.area } ?? tokens }
  }

  init(_ shape: Shape, recipe: LinearRecipe, engine: Engine, in table: inout ParameterTable) {
    let (name, width, index) = (shape.name, shape.width, shape.index)
    (self.name, self.index) = (name, index)
    func linear(
      _ part: String, _ number: Int, _ inputs: Int, _ outputs: Int, _ kind: LayerKind,
      in table: inout ParameterTable
    ) -> LinearLayer {
      LinearLayer(
        "\(name).\(part).\(kind.rawValue)", index: 4 * index + number, inputs: inputs,
        outputs: outputs, recipe: recipe, engine: engine,
        kind: recipe.exactBlocks.contains(index + 1) ? nil : kind, in: &table)
    }
    windows = shape.windows.map(WindowLayout.init)
    norm1 = LayerNorm("\(name).norm1", width: width, epsilon: shape.epsilon, in: &table)
    qkv = linear("attn", 0, width, 3 * width, .qkv, in: &table)
    var attention = Attention(
      shape: AttentionShape(
        tokens: shape.windows?.area ?? shape.tokens, width: width, heads: shape.heads,
        precision: shape.attention))
    if let windows {
      attention.bias = RelativePositionBias(
        "\(name).attn", window: windows.shape.window, heads: shape.heads, in: &table)
      attention.masks = windows.masks
    }
    self.attention = attention
    proj = linear("attn", 1, width, width, .proj, in: &table)
    scale1 = shape.layerScale.map {
      LayerScale("\(name).ls1", width: width, initial: $0, in: &table)
    }
    norm2 = LayerNorm("\(name).norm2", width: width, epsilon: shape.epsilon, in: &table)
    fc1 = linear("mlp", 2, width, shape.hidden, .fc1, in: &table)
    fc2 = linear("mlp", 3, shape.hidden, width, .fc2, in: &table)
    scale2 = shape.layerScale.map {
      LayerScale("\(name).ls2", width: width, initial: $0, in: &table)
    }
    dropPath = DropPath(probability: shape.dropPath, tokens: shape.tokens)
  }

  struct Saved {
    let norm1: LayerNorm.Saved
    let qkvLinear: Linear.Saved
    /// [N, 3·C], N the rows of the windows where there are any; nil where it is computed again.
    let qkv: FloatMatrix?
    let proj: Linear.Saved
    /// [N, C], before LayerScale; nil without it, and where it is computed again.
    let branch1: FloatMatrix?
    /// [N, C], before LayerScale; nil without it.
    let branch2: FloatMatrix?
    /// Without its x₁ where that is computed again.
    let norm2: LayerNorm.Saved
    /// Whether x₁ is computed again.
    let recomputesMiddle: Bool
    let fc1Linear: Linear.Saved
    /// [N, hidden], before GELU; nil where it is computed again.
    let fc1: FloatMatrix?
    let fc2: Linear.Saved
  }

  /// x [N, C] → y [N, C]. x must stay as it is until the backward pass.
  ///
  /// - Parameter overwrites: whether y takes the place of x, since no backward pass follows.
  func forward(
    _ x: FloatMatrix, overwrites: Bool = false, _ pass: Pass
  ) throws -> (y: FloatMatrix, saved: Saved) {
    let (rows, width) = (x.rows, x.columns)
    let recomputesMiddle =
      pass.recomputation == .block && qkv.canRecomputeOutput && proj.canRecomputeOutput
    let lasting = recomputesMiddle ? pass.scratch : pass.kept
    let y = overwrites ? x : pass.kept.matrix(rows: rows, columns: width)
    // Nobody reads x₁ once y is there.
    let x1 = recomputesMiddle || overwrites ? y : pass.kept.matrix(rows: rows, columns: width)

    let (norm1Saved, qkvSaved, qkvOut, projSaved, branch1) = try pass.scratch.scratch {
      let (normed, norm1Saved) = norm1.forward(x, map: windows?.toWindows, pass)
      let qkvOut = lasting.matrix(rows: normed.shape.rows, columns: 3 * width)
      let qkvSaved = try qkv.forward(normed, y: qkvOut, pass)
      let o = proj.inputMatrix(rows: qkvOut.rows, pass)
      attention.forward(qkvOut, o: o, pass)
      let branch = (scale1 == nil ? pass.scratch : lasting).matrix(rows: o.rows, columns: width)
      let projSaved = try proj.forward(.matrix(o), y: branch, pass)
      addAttention(branch, to: x, into: x1, pass)
      return (norm1Saved, qkvSaved, qkvOut, projSaved, branch)
    }

    return try pass.scratch.scratch {
      let (normed, norm2Saved) = norm2.forward(x1, pass)
      let recomputesHidden = pass.recomputation != .none && fc1.canRecomputeOutput
      let (hidden, fc1Saved) = try fc1.forward(normed, recomputes: recomputesHidden, pass)
      let branch = (scale2 == nil ? pass.scratch : pass.kept).matrix(rows: rows, columns: width)
      let fc2Saved = try fc2.forward(.gelu(hidden), y: branch, pass)
      let scaled = scale2?.forward(branch, pass) ?? branch
      dropPath.add(scaled, to: x1, into: y, stream(1, pass), pass.compute)
      let saved = Saved(
        norm1: norm1Saved, qkvLinear: qkvSaved, qkv: recomputesMiddle ? nil : qkvOut,
        proj: projSaved, branch1: scale1 == nil || recomputesMiddle ? nil : branch1,
        branch2: scale2.map { _ in branch }, norm2: norm2Saved,
        recomputesMiddle: recomputesMiddle, fc1Linear: fc1Saved,
        fc1: recomputesHidden ? nil : hidden.matrix, fc2: fc2Saved)
      return (y, saved)
    }
  }

  /// `gradient` [N, C] goes in as dy and comes out as dx.
  func backward(
    _ gradient: FloatMatrix, _ saved: Saved, gradients: AlignedBuffer<Float>, _ pass: Pass
  ) throws {
    let scratch = pass.scratch
    try scratch.scratch {
      let dScaled = dropPath.scaled(gradient, stream(1, pass), pass)
      let dBranch = unscaled(dScaled, scale2, saved.branch2, gradients: gradients, pass)
      let dActivated = try fc2.backwardLazily(
        dy: dBranch, saved.fc2, gradients: gradients, pass)
      let hidden = saved.fc1.map { .matrix($0) } ?? fc1.output(saved.fc1Linear, pass)
      let dh2 = try fc1.backward(
        dy: .geluGradient(x: hidden, dy: dActivated), saved.fc1Linear, gradients: gradients, pass)
      var norm2Saved = saved.norm2
      if saved.recomputesMiddle {
        norm2Saved.x = scratch.matrix(rows: gradient.rows, columns: gradient.columns)
        addAttention(
          recomputedBranch(saved, pass), to: saved.norm1.x, into: norm2Saved.x, pass)
      }
      norm2.backward(dy: dh2, norm2Saved, dx: gradient, gradients: gradients, pass)
    }
    let windowRows = (windows?.toWindows).rows(gradient.rows)
    try scratch.scratch {
      let dqkv = scratch.matrix(rows: windowRows, columns: 3 * gradient.columns)
      try scratch.scratch {
        let dScaled = dropPath.scaled(
          gradient, map: windows?.toWindows, stream(0, pass), pass)
        let branch =
          scale1 == nil ? nil : saved.branch1 ?? recomputedBranch(saved, pass)
        let dBranch = unscaled(dScaled, scale1, branch, gradients: gradients, pass)
        let dO = try proj.backward(dy: dBranch, saved.proj, gradients: gradients, pass)
        let qkvOut = saved.qkv ?? recomputed(qkv, saved.qkvLinear, pass)
        attention.backward(do: dO, qkv: qkvOut, dqkv: dqkv, gradients: gradients, pass)
      }
      let dh1 = try qkv.backward(
        dy: .matrix(dqkv), saved.qkvLinear, gradients: gradients, pass)
      norm1.backward(
        dy: dh1, map: windows?.toImage, saved.norm1, dx: gradient, gradients: gradients, pass)
    }
  }

  /// x₁ = x + s₁ · the branch of attention, whose rows may be those of windows.
  private func addAttention(
    _ branch: FloatMatrix, to x: FloatMatrix, into x1: FloatMatrix, _ pass: Pass
  ) {
    let scaled = scale1?.forward(branch, pass) ?? branch
    dropPath.add(
      scaled, map: windows?.toImage, to: x, into: x1, stream(0, pass), pass.compute)
  }

  /// The branch of attention once more, before LayerScale, in scratch memory.
  private func recomputedBranch(_ saved: Saved, _ pass: Pass) -> FloatMatrix {
    recomputed(proj, saved.proj, pass)
  }

  /// A layer's output once more, in scratch memory.
  private func recomputed(
    _ layer: LinearLayer, _ saved: Linear.Saved, _ pass: Pass
  ) -> FloatMatrix {
    let y = layer.output(saved, pass)
    return y.matrix ?? made(.numbers(y), pass)
  }

  /// Numbers in scratch memory.
  private func made(_ x: LazyMatrix, _ pass: Pass) -> FloatMatrix {
    let matrix = pass.scratch.matrix(rows: x.shape.rows, columns: x.shape.columns)
    pass.compute.make(x, into: matrix, arena: pass.scratch, profile: pass.profile)
    return matrix
  }

  /// The gradient before LayerScale, in scratch memory; dy itself without it.
  private func unscaled(
    _ dy: LazyMatrix, _ scale: LayerScale?, _ branch: FloatMatrix?,
    gradients: AlignedBuffer<Float>, _ pass: Pass
  ) -> LazyMatrix {
    guard let scale, let branch else { return dy }
    return .matrix(scale.backward(made(dy, pass), x: branch, gradients: gradients, pass))
  }

  /// Every linear layer, in the order of their numbers.
  var linearLayers: [LinearLayer] { [qkv, proj, fc1, fc2] }

  private func stream(_ branch: Int, _ pass: Pass) -> RandomStream? {
    guard pass.training else { return nil }
    return pass.context.random(.dropPath, layer: 2 * index + branch)
  }
}
