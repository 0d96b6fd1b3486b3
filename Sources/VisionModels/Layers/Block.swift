import MXLinear
import Runtime

// Shapes: B batch, T tokens, C channels, N = B·T rows.

/// A pre-norm transformer block: x₁ = x + s₁·attention(norm1(x)), y = x₁ + s₂·mlp(norm2(x₁)), where s is
/// drop path's factor of an image.
struct Block: Sendable {
  let norm1: LayerNorm
  let qkv: LinearLayer
  let attention: Attention
  let proj: LinearLayer
  let norm2: LayerNorm
  let fc1: LinearLayer
  let fc2: LinearLayer
  let index: Int
  let dropPath: DropPath

  init(
    index: Int, _ configuration: ViTConfiguration, recipe: LinearRecipe,
    in table: inout ParameterTable
  ) {
    let name = "blocks.\(index)"
    let width = configuration.width
    let hidden = configuration.hidden
    self.index = index
    norm1 = LayerNorm(
      "\(name).norm1", width: width, epsilon: configuration.normEpsilon, in: &table)
    qkv = LinearLayer(
      "\(name).attn.qkv", index: 4 * index, inputs: width, outputs: 3 * width, recipe: recipe,
      in: &table)
    attention = Attention(tokens: configuration.tokens, width: width, heads: configuration.heads)
    proj = LinearLayer(
      "\(name).attn.proj", index: 4 * index + 1, inputs: width, outputs: width, recipe: recipe,
      in: &table)
    norm2 = LayerNorm(
      "\(name).norm2", width: width, epsilon: configuration.normEpsilon, in: &table)
    fc1 = LinearLayer(
      "\(name).mlp.fc1", index: 4 * index + 2, inputs: width, outputs: hidden, recipe: recipe,
      in: &table)
    fc2 = LinearLayer(
      "\(name).mlp.fc2", index: 4 * index + 3, inputs: hidden, outputs: width, recipe: recipe,
      in: &table)
    dropPath = DropPath(
      probability: configuration.dropPath * Float(index) / Float(max(configuration.depth - 1, 1)),
      tokens: configuration.tokens)
  }

  struct Saved {
    let norm1: LayerNorm.Saved
    let qkvLinear: Linear.Saved
    /// [N, 3·C]
    let qkv: FloatMatrix
    let proj: Linear.Saved
    let norm2: LayerNorm.Saved
    let fc1Linear: Linear.Saved
    /// [N, hidden], before GELU.
    let fc1: FloatMatrix
    let fc2: Linear.Saved
  }

  /// x [N, C] → y [N, C]. x must stay as it is until the backward pass.
  func forward(_ x: FloatMatrix, _ pass: Pass) throws -> (y: FloatMatrix, saved: Saved) {
    let (h1, norm1Saved) = norm1.forward(x, pass)
    let (qkvOut, qkvSaved) = try qkv.forward(h1, pass)
    let o = attention.forward(qkvOut, pass)
    let x1 = pass.arena.matrix(rows: x.rows, columns: x.columns)
    let projSaved = try addBranch(to: x, into: x1, branch: 0, pass) { try proj.forward(o, pass) }

    let (h2, norm2Saved) = norm2.forward(x1, pass)
    let (fc1Out, fc1Saved) = try fc1.forward(h2, pass)
    let activated = pass.arena.matrix(rows: x.rows, columns: fc1Out.columns)
    parallelRanges(fc1Out.count, length: elementsPerSlice) { range in
      Kernels.current.gelu(
        fc1Out.base + range.lowerBound, activated.base + range.lowerBound, range.count)
    }
    let y = pass.arena.matrix(rows: x.rows, columns: x.columns)
    let fc2Saved = try addBranch(to: x1, into: y, branch: 1, pass) {
      try fc2.forward(activated, pass)
    }
    let saved = Saved(
      norm1: norm1Saved, qkvLinear: qkvSaved, qkv: qkvOut, proj: projSaved, norm2: norm2Saved,
      fc1Linear: fc1Saved, fc1: fc1Out, fc2: fc2Saved)
    return (y, saved)
  }

  /// `gradient` [N, C] goes in as dy and comes out as dx.
  func backward(
    _ gradient: FloatMatrix, _ saved: Saved, gradients: UnsafeMutablePointer<Float>, _ pass: Pass
  ) throws {
    try pass.arena.scratch {
      let dBranch = dropPath.scaled(gradient, stream(1, pass), pass)
      let dActivated = try fc2.backward(dy: dBranch, saved.fc2, gradients: gradients, pass)
      parallelRanges(dActivated.count, length: elementsPerSlice) { range in
        let d = dActivated.base + range.lowerBound
        Kernels.current.geluBackward(saved.fc1.base + range.lowerBound, dy: d, dx: d, range.count)
      }
      let dh2 = try fc1.backward(dy: dActivated, saved.fc1Linear, gradients: gradients, pass)
      norm2.backward(dy: dh2, saved.norm2, dx: gradient, gradients: gradients, pass)
    }
    try pass.arena.scratch {
      let dBranch = dropPath.scaled(gradient, stream(0, pass), pass)
      let dO = try proj.backward(dy: dBranch, saved.proj, gradients: gradients, pass)
      let dqkv = attention.backward(do: dO, qkv: saved.qkv, pass)
      let dh1 = try qkv.backward(dy: dqkv, saved.qkvLinear, gradients: gradients, pass)
      norm1.backward(dy: dh1, saved.norm1, dx: gradient, gradients: gradients, pass)
    }
  }

  /// sum = x + s · (the output of a branch's last layer, which is scratch).
  private func addBranch(
    to x: FloatMatrix, into sum: FloatMatrix, branch: Int, _ pass: Pass,
    _ last: () throws -> (y: FloatMatrix, saved: Linear.Saved)
  ) throws -> Linear.Saved {
    try pass.arena.scratch {
      let (output, saved) = try last()
      dropPath.add(output, to: x, into: sum, stream(branch, pass))
      return saved
    }
  }

  private func stream(_ branch: Int, _ pass: Pass) -> RandomStream? {
    guard pass.training else { return nil }
    return RandomStream(
      seed: pass.context.seed, purpose: .dropPath, step: pass.context.step,
      layer: 2 * index + branch)
  }
}
