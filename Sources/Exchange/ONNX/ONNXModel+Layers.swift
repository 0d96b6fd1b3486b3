import VisionModels

// Shapes: N images, T tokens of an image, C channels of a token, H heads, K = C/H channels a head.

extension ONNXModel {
  typealias Value = ONNXGraph.Value

  /// Adds all nodes.
  mutating func build() {
    let shape = model.configuration
    let blueprint = shape.blueprint
    graph.boundary(
      11, "images", shape: [shape.channels, shape.imageSize, shape.imageSize])
    var x = embedding(Value(name: "images"), blueprint.embedding)
    for stage in blueprint.stages {
      if let merging = stage.merging { x = merge(x, merging) }
      for block in stage.blocks { x = self.block(x, block) }
    }
    head(x, blueprint.head)
    graph.boundary(12, "logits", shape: [shape.classes])
  }

  /// Images → [N, T, C].
  private mutating func embedding(_ images: Value, _ shape: PatchEmbedding.Shape) -> Value {
    let convolved = graph.node(
      "Conv", [images, tensor("patch_embed.proj.weight"), tensor("patch_embed.proj.bias")],
      [("strides", .integers([shape.grid.patch, shape.grid.patch]))])
    let flat = reshape(convolved, [0, shape.width, shape.grid.count])
    var x = graph.node("Transpose", [flat], [("perm", .integers([0, 2, 1]))])
    if let epsilon = shape.normEpsilon { x = norm(x, "patch_embed.norm", epsilon) }
    guard let classToken = shape.classToken else { return x }
    if !classToken.hasPosition { x = graph.node("Add", [x, tensor("pos_embed")]) }
    let count = graph.node("Shape", [images], [("start", .integer(0)), ("end", .integer(1))])
    let extents = graph.node(
      "Concat", [count, graph.integers([1, shape.width])], [("axis", .integer(0))])
    let classTokens = graph.node("Expand", [tensor("cls_token"), extents])
    x = graph.node("Concat", [classTokens, x], [("axis", .integer(1))])
    return classToken.hasPosition ? graph.node("Add", [x, tensor("pos_embed")]) : x
  }

  private mutating func block(_ x: Value, _ shape: Block.Shape) -> Value {
    let name = shape.name
    var branch = attention(norm(x, "\(name).norm1", shape.epsilon), shape)
    branch = scaled(branch, "\(name).ls1")
    let middle = graph.node("Add", [x, branch])
    var hidden = linear(norm(middle, "\(name).norm2", shape.epsilon), "\(name).mlp.fc1")
    hidden = graph.node("Gelu", [hidden])
    return graph.node("Add", [middle, scaled(linear(hidden, "\(name).mlp.fc2"), "\(name).ls2")])
  }

  /// Between the norm and the residual addition, in windows where there are any.
  private mutating func attention(_ x: Value, _ shape: Block.Shape) -> Value {
    let (name, heads, channels) = (shape.name, shape.heads, shape.width / shape.heads)
    let layout = shape.windows.map(WindowLayout.init)
    let tokens = shape.windows?.area ?? shape.tokens
    var x = x
    if let layout {
      x = gather(x, layout.toWindows.sources, of: shape.tokens, "\(name).to_windows")
      x = reshape(x, [-1, tokens, shape.width])
    }
    let qkv = reshape(linear(x, "\(name).attn.qkv"), [-1, tokens, 3, heads, channels])
    let parted = graph.node("Transpose", [qkv], [("perm", .integers([2, 0, 3, 1, 4]))])
    let parts = graph.nodes(
      "Split", [parted], [("axis", .integer(0)), ("num_outputs", .integer(3))],
      outputs: ["q", "k", "v"].map { "\(name).\($0)" }
    ).map { reshape($0, [-1, heads, tokens, channels]) }
    let factor = floats("\(name).attn.scale", [1 / Float(channels).squareRoot()], shape: [])
    let keys = graph.node("Transpose", [parts[1]], [("perm", .integers([0, 1, 3, 2]))])
    var scores = graph.node("MatMul", [graph.node("Mul", [parts[0], factor]), keys])
    if let windows = shape.windows { scores = addBias(to: scores, windows, layout, shape) }
    let weights = graph.node("Softmax", [scores], [("axis", .integer(-1))])
    let seen = graph.node(
      "Transpose", [graph.node("MatMul", [weights, parts[2]])],
      [("perm", .integers([0, 2, 1, 3]))])
    var y = linear(reshape(seen, [-1, tokens, shape.width]), "\(name).attn.proj")
    if let layout {
      y = reshape(y, [-1, layout.shape.windows * tokens, shape.width])
      y = gather(
        y, layout.toImage.sources, of: layout.shape.windows * tokens, "\(name).to_image")
    }
    return y
  }

  /// Adds what windows have: a number for each head and offset, and in shifted ones masks.
  private mutating func addBias(
    to scores: Value, _ windows: WindowShape, _ layout: WindowLayout?, _ shape: Block.Shape
  ) -> Value {
    let (heads, area, name) = (shape.heads, windows.area, "\(shape.name).attn")
    let table = numbers("\(name).relative_position_bias_table")
    let offsets = RelativePositionBias.offsets(window: windows.window)
    let bias = (0..<heads).flatMap { head in offsets.map { table[$0 * heads + head] } }
    let sum = graph.node(
      "Add", [scores, floats("\(name).bias", bias, shape: [1, heads, area, area])])
    guard let masks = layout?.masks else { return sum }
    let apart = reshape(sum, [-1, windows.windows, heads, area, area])
    let mask = floats(
      "\(name).masks", Array(masks.elements), shape: [1, windows.windows, 1, area, area])
    return reshape(graph.node("Add", [apart, mask]), [-1, heads, area, area])
  }

  private mutating func merge(_ x: Value, _ shape: PatchMerging.Shape) -> Value {
    let quarters = gather(
      x, shape.quarters.sources, of: shape.side * shape.side, "\(shape.name).quarters")
    let joined = reshape(quarters, [-1, shape.merged * shape.merged, 4 * shape.inputs])
    return linear(norm(joined, "\(shape.name).norm", shape.epsilon), "\(shape.name).reduction")
  }

  private mutating func head(_ x: Value, _ shape: ClassificationHead.Shape) {
    var x = x
    switch shape.pooling {
    case .classToken:
      let first = graph.node("Gather", [x, graph.integers([0])], [("axis", .integer(1))])
      x = norm(reshape(first, [-1, shape.width]), "norm", shape.epsilon)
    case .mean:
      x = graph.node(
        "ReduceMean", [norm(x, "norm", shape.epsilon), graph.integers([1])],
        [("keepdims", .integer(0))])
    }
    _ = linear(x, shape.name, output: "logits")
  }

  private mutating func norm(_ x: Value, _ name: String, _ epsilon: Float) -> Value {
    graph.node(
      "LayerNormalization", [x, tensor("\(name).weight"), tensor("\(name).bias")],
      [("axis", .integer(-1)), ("epsilon", .number(epsilon))])
  }

  /// A branch times LayerScale, in families that have it.
  private mutating func scaled(_ branch: Value, _ name: String) -> Value {
    guard tensors["\(name).gamma"] != nil else { return branch }
    return graph.node("Mul", [branch, tensor("\(name).gamma")])
  }

  /// x Wᵀ + b; patch merging has no b.
  private mutating func linear(_ x: Value, _ name: String, output: String? = nil) -> Value {
    let weight = graph.node(
      "Transpose", [tensor("\(name).weight")], [("perm", .integers([1, 0]))])
    let hasBias = tensors["\(name).bias"] != nil
    let product = graph.node("MatMul", [x, weight], name: hasBias ? nil : output)
    return hasBias ? graph.node("Add", [product, tensor("\(name).bias")], name: output) : product
  }

  /// Rows of each image in another order; zeros where there is none.
  ///
  /// - Parameter count: rows of an image of x.
  private mutating func gather(
    _ x: Value, _ sources: [Int], of count: Int, _ name: String
  ) -> Value {
    var x = x
    if sources.contains(-1) {
      x = graph.node("Pad", [x, graph.integers([0, 0, 0, 0, 1, 0])])
    }
    let indices = graph.integers(sources.map { $0 < 0 ? count : $0 }, name: name)
    return graph.node("Gather", [x, indices], [("axis", .integer(1))])
  }

  /// Another shape; 0 keeps an extent, −1 is what remains.
  mutating func reshape(_ x: Value, _ shape: [Int]) -> Value {
    graph.node("Reshape", [x, graph.integers(shape)])
  }
}
