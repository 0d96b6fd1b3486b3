import MXFormats
import Runtime

// Shapes: N rows (batch · tokens), D inputs, C outputs. X [N, D], W [C, D], b [C], Y and dY [N, C].

/// The fully connected layer Y = Q1(X)·Q2(W)ᵀ + b and its gradients.
///
/// Gradients pass straight through the quantizers (the paper's Eq. 8 and 9). The layer owns no memory:
/// weights and gradients lie in the caller's flat buffers, activations in a workspace. Where both operands of
/// a product are quantized, the packed engine keeps and multiplies 4-bit codes; all else is simulated in single
/// precision.
public struct Linear: Sendable {
  /// The layer's name in messages, for example "blocks.3.mlp.fc1".
  public let name: String
  /// The layer's number among all linear layers of the model: it keys the random bits.
  public let index: Int
  /// D.
  public let inputs: Int
  /// C.
  public let outputs: Int
  /// Which operands are quantized, and how.
  public let recipe: LinearRecipe
  /// How products are computed where the recipe allows it.
  public let engine: Engine

  /// A layer of `inputs` → `outputs`.
  public init(
    name: String, index: Int, inputs: Int, outputs: Int, recipe: LinearRecipe,
    engine: Engine = .packed
  ) {
    self.name = name
    self.index = index
    self.inputs = inputs
    self.outputs = outputs
    self.recipe = recipe
    self.engine = engine
  }

  /// Whether the backward pass reads the floats of x that `forward` was given: they must then lie in memory
  /// that lasts until the backward pass. Elsewhere 4-bit codes are kept, and x is scratch.
  public var keepsInput: Bool { !(keepsQuantizedInput || isPacked(.dw)) }

  /// Whether Q6 reads Q1(X), and the packed engine may keep its codes.
  private var keepsQuantizedInput: Bool { engine == .packed && q6ReadsQuantized }
  private var q6ReadsQuantized: Bool { recipe[.q1] != nil && recipe.q6ReadsQuantized }
  private var q4ReadsQuantized: Bool { recipe[.q2] != nil && recipe.q4ReadsQuantized }

  private func isPacked(_ product: LinearProduct) -> Bool {
    recipe.engine(of: product, asked: engine) == .packed
  }

  // MARK: - Forward

  /// Y = Q1(X)·Q2(W)ᵀ + b.
  ///
  /// - Parameters:
  ///   - x: [N, D]. Its memory belongs to the layer from here on, and must last until the backward pass
  ///     where `keepsInput`: where Q6 reads Q1(X), Q1(X) takes its place.
  ///   - parameters: W and b.
  ///   - y: [N, C], overwritten.
  ///   - workspace: what the backward pass needs is left on its stack `kept`.
  ///   - context: the step, which keys the random bits.
  /// - Throws: `NonFiniteTensor` where X or W cannot be quantized.
  public func forward(
    _ x: FloatMatrix, _ parameters: Parameters, y: FloatMatrix, workspace: Workspace,
    context: StepContext
  ) throws -> Saved {
    precondition(x.columns == inputs && y.columns == outputs && x.rows == y.rows, "\(name): shapes")
    return try workspace.scratch.scratch {
      let weight =
        isPacked(.y) ? try packedWeight(parameters, workspace.kept, context) : nil
      // Q6 reads X itself: while X is at hand.
      let final =
        isPacked(.dw) && !q6ReadsQuantized ? try packed(x, .q6, workspace.kept, context) : nil
      let codes =
        isPacked(.y) || keepsQuantizedInput
        ? try packed(x, .q1, keepsQuantizedInput ? workspace.kept : workspace.scratch, context)
        : nil
      if let weight, let codes {
        context.compute(.y, by: .packed) {
          multiply(codes, weight, bias: parameters.bias, into: y, arena: workspace.scratch)
        }
      } else {
        let weight = try quantizedWeight(parameters, workspace.scratch, context)
        let xq = try quantized(
          x, .q1, workspace.scratch, context, inPlace: q6ReadsQuantized && keepsInput)
        context.compute(.y, by: .simulated) {
          SimulatedProducts.forward(xq, weight, bias: parameters.bias, y: y)
        }
      }
      let input: Saved.Input =
        if let final { .final(final) } else if keepsQuantizedInput, let codes {
          .quantized(codes)
        } else { .floats(x) }
      return Saved(input: input, weight: weight)
    }
  }

  /// Whether `output` can compute Y again from what `forward` saved: both its operands are there as codes.
  public var canRecomputeOutput: Bool { isPacked(.y) && keepsQuantizedInput }

  /// Y once more, from the saved codes: to the bit what `forward` computed, so that nobody need keep it.
  ///
  /// - Parameters:
  ///   - saved: what `forward` returned.
  ///   - parameters: W and b.
  ///   - y: [N, C], overwritten.
  ///   - arena: scratch.
  ///   - context: the step of the forward pass.
  public func output(
    _ saved: Saved, _ parameters: Parameters, y: FloatMatrix, arena: Arena, context: StepContext
  ) {
    guard case .quantized(let codes) = saved.input, let weight = saved.weight else {
      preconditionFailure("\(name): the operands were not saved as codes")
    }
    context.compute(.y, by: .packed) {
      multiply(codes, weight, bias: parameters.bias, into: y, arena: arena)
    }
  }

  // MARK: - Backward

  /// dX = Q3(dY)·Q4(·), dW += Q5(dY)ᵀ·Q6(·), db += Σ_N dY. dY is read once for Q3, Q5 and db.
  ///
  /// - Parameters:
  ///   - dy: [N, C].
  ///   - saved: what `forward` returned.
  ///   - parameters: those of the forward pass.
  ///   - dx: [N, D], overwritten.
  ///   - gradients: what dW and db are added to.
  ///   - arena: scratch.
  ///   - context: the step of the forward pass.
  /// - Throws: `NonFiniteTensor` where dY cannot be quantized.
  public func backward(
    dy: FloatMatrix, _ saved: Saved, _ parameters: Parameters, dx: FloatMatrix,
    gradients: Gradients, arena: Arena, context: StepContext
  ) throws {
    precondition(
      dy.columns == outputs && dx.columns == inputs && dy.rows == dx.rows, "\(name): shapes")
    try arena.scratch {
      func target(_ operand: Operand, of product: LinearProduct) -> PackingTarget? {
        guard isPacked(product) else { return nil }
        count(dy, operand, context)
        return self.target(operand, rows: dy.rows, columns: dy.columns, arena, context)
      }
      let (q3, q5) = (target(.q3, of: .dx), target(.q5, of: .dw))
      try context.profile.measure(.quantizer) {
        try throwIfBroken(
          packOnce(dy, targets: (q3, q5), sums: gradients.bias, arena: arena),
          q3 == nil ? .q5 : .q3)
      }
      try arena.scratch {
        try inputGradient(dy, q3?.out, saved, parameters, dx: dx, arena, context)
      }
      try arena.scratch {
        let dw = FloatMatrix(gradients.weight, rows: outputs, columns: inputs)
        try weightGradient(dy, q5?.out, saved, dw: dw, arena, context)
      }
    }
  }

  private func inputGradient(
    _ dy: FloatMatrix, _ codes: MXMatrixView?, _ saved: Saved, _ parameters: Parameters,
    dx: FloatMatrix, _ arena: Arena, _ context: StepContext
  ) throws {
    if let codes {
      let weight: MXMatrixView
      if q4ReadsQuantized {
        let source = try saved.weight ?? packedWeight(parameters, arena, context)
        weight = try repacked(source, .q4, arena, context)
      } else {
        weight = try packed(weightMatrix(parameters), .q4, arena, context)
      }
      context.compute(.dx, by: .packed) { multiply(codes, weight, into: dx, arena: arena) }
    } else {
      let source =
        recipe.q4ReadsQuantized
        ? try quantizedWeight(parameters, arena, context) : weightMatrix(parameters)
      let weight = try quantized(source, .q4, arena, context)
      let dyq = try quantized(dy, .q3, arena, context)
      context.compute(.dx, by: .simulated) {
        SimulatedProducts.inputGradient(dyq, weight, dx: dx)
      }
    }
  }

  private func weightGradient(
    _ dy: FloatMatrix, _ codes: MXMatrixView?, _ saved: Saved, dw: FloatMatrix, _ arena: Arena,
    _ context: StepContext
  ) throws {
    if let codes {
      let input: MXMatrixView =
        switch saved.input {
        case .final(let final): final
        case .quantized(let source): try repacked(source, .q6, arena, context)
        case .floats: preconditionFailure("\(name): floats kept for a packed product")
        }
      let product = arena.matrix(rows: outputs, columns: inputs)
      context.compute(.dw, by: .packed) {
        multiply(codes, input, into: product, arena: arena)
        parallelRanges(product.count, length: 1 << 15) { range in
          let sum = dw.base + range.lowerBound
          Kernels.current.addScaled(
            sum, scale: 1, branch: product.base + range.lowerBound, into: sum, range.count)
        }
      }
    } else {
      let source: FloatMatrix
      switch saved.input {
      case .floats(let floats): source = floats
      case .quantized(let codes):
        source = arena.matrix(rows: dy.rows, columns: inputs)
        unpack(codes, into: source)
      case .final: preconditionFailure("\(name): codes kept for a simulated product")
      }
      let xq = try quantized(source, .q6, arena, context)
      let dyq = try quantized(dy, .q5, arena, context)
      context.compute(.dw, by: .simulated) { SimulatedProducts.weightGradient(dyq, xq, dw: dw) }
    }
  }

  // MARK: - Operands

  private func weightMatrix(_ parameters: Parameters) -> FloatMatrix {
    FloatMatrix(
      UnsafeMutablePointer(mutating: parameters.weight), rows: outputs, columns: inputs)
  }

  private func throwIfBroken(_ brokenGroups: Int, _ operand: Operand) throws {
    guard brokenGroups == 0 else {
      throw NonFiniteTensor(tensor: "\(name): the \(operand.tensor) (\(operand.rawValue))")
    }
  }

  /// The quantizer of an operand, given the moving averages that are there: without any, `Rounding.ema` is
  /// nearest rounding.
  private func quantizer(_ operand: Operand, ema: UnsafePointer<Float>?) -> QuantizerRecipe? {
    var quantizer = recipe[operand]
    if ema == nil, quantizer?.rounding == .ema { quantizer?.rounding = .nearestEven }
    return quantizer
  }

  /// Takes what a quantizer loses of x into the census, if there is one.
  private func count(
    _ x: FloatMatrix, _ operand: Operand, _ context: StepContext, ema: UnsafePointer<Float>? = nil
  ) {
    guard let census = context.census, let quantizer = quantizer(operand, ema: ema) else { return }
    census.count(
      x, ema: ema, operand, quantizer, random: context.random(operand, layer: index))
  }

  /// Where a quantizer that is on writes its codes.
  private func target(
    _ operand: Operand, rows: Int, columns: Int, _ arena: Arena, _ context: StepContext,
    ema: UnsafePointer<Float>? = nil
  ) -> PackingTarget {
    let quantizer = quantizer(operand, ema: ema)!
    return PackingTarget(
      out: arena.packed(rows: rows, columns: columns, axis: operand.axis, format: quantizer.format),
      axis: operand.axis, quantizer: quantizer, random: context.random(operand, layer: index))
  }

  /// Q(x) in codes, of a quantizer that is on.
  private func packed(
    _ x: FloatMatrix, _ operand: Operand, _ arena: Arena, _ context: StepContext,
    ema: UnsafePointer<Float>? = nil
  ) throws -> MXMatrixView {
    let target = target(operand, rows: x.rows, columns: x.columns, arena, context, ema: ema)
    count(x, operand, context, ema: ema)
    try context.profile.measure(.quantizer) {
      try throwIfBroken(
        pack(
          x, ema: ema, into: target.out, axis: target.axis, target.quantizer,
          random: target.random), operand)
    }
    return target.out
  }

  private func packedWeight(
    _ parameters: Parameters, _ arena: Arena, _ context: StepContext
  ) throws -> MXMatrixView {
    try packed(weightMatrix(parameters), .q2, arena, context, ema: parameters.weightEMA)
  }

  /// Q(values of codes that are packed along rows), packed along columns.
  private func repacked(
    _ source: MXMatrixView, _ operand: Operand, _ arena: Arena, _ context: StepContext
  ) throws -> MXMatrixView {
    let target = target(operand, rows: source.lanes, columns: source.length, arena, context)
    if context.census != nil {
      arena.scratch {
        let values = arena.matrix(rows: source.lanes, columns: source.length)
        unpack(source, into: values)
        count(values, operand, context)
      }
    }
    try context.profile.measure(.quantizer) {
      try throwIfBroken(
        repack(source, into: target.out, target.quantizer, random: target.random),
        operand)
    }
    return target.out
  }

  private func quantizedWeight(
    _ parameters: Parameters, _ arena: Arena, _ context: StepContext
  ) throws -> FloatMatrix {
    try quantized(weightMatrix(parameters), .q2, arena, context, ema: parameters.weightEMA)
  }

  /// Q(x) de-quantized, in new memory or in x itself; x where the quantizer is off.
  private func quantized(
    _ x: FloatMatrix, _ operand: Operand, _ arena: Arena, _ context: StepContext,
    ema: UnsafePointer<Float>? = nil, inPlace: Bool = false
  ) throws -> FloatMatrix {
    guard let quantizer = quantizer(operand, ema: ema) else { return x }
    count(x, operand, context, ema: ema)
    let out = inPlace ? x : arena.matrix(rows: x.rows, columns: x.columns)
    try context.profile.measure(.quantizer) {
      try throwIfBroken(
        fakeQuantize(
          x, ema: ema, into: out, axis: operand.axis, quantizer,
          random: context.random(operand, layer: index)), operand)
    }
    return out
  }
}
