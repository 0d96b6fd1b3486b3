import MXCompute
import MXFormats
import MXRuntime

// Shapes: N rows (batch · tokens), D inputs, C outputs. X [N, D], W [C, D], b [1, C], Y and dY [N, C].

/// The fully connected layer Y = Q1(X)·Q2(W)ᵀ + b and its gradients; where there is a mean μ of X, Q1 reads what X is beside it
/// (`Parameters.inputMean`), and where some channels are in a wide format, both are split by channels (`OutControl`).
///
/// Gradients pass straight through the quantizers (the paper's Eq. 8 and 9). The layer owns no memory: weights and
/// gradients lie in the caller's buffers, activations in a workspace.
public struct Linear: Sendable {
  /// The layer's name in messages, for example "blocks.3.mlp.fc1".
  public let name: String
  /// The layer's number among all linear layers of the model: it keys the random bits.
  public let index: Int
  /// D.
  public let inputs: Int
  /// C.
  public let outputs: Int
  let plan: LinearPlan

  /// A layer of `inputs` → `outputs`.
  ///
  /// - Parameters:
  ///   - name: what messages call it.
  ///   - index: its number among the model's linear layers.
  ///   - inputs: D.
  ///   - outputs: C.
  ///   - recipe: which operands are quantized, and how.
  ///   - engine: how products are computed where the recipe allows it.
  public init(
    name: String, index: Int, inputs: Int, outputs: Int, recipe: LinearRecipe,
    engine: Engine = .packed
  ) {
    self.name = name
    self.index = index
    self.inputs = inputs
    self.outputs = outputs
    plan = LinearPlan(recipe, engine: engine)
  }

  /// Whether the backward pass reads the x that `forward` was given: it must then lie in memory that lasts until the
  /// backward pass, and stay as it is. Elsewhere it is scratch.
  public var keepsInput: Bool { plan.kept == .input }

  /// Whether `output` can compute Y again from what `forward` saved.
  package var canRecomputeOutput: Bool { plan.canRecomputeOutput }

  /// Whether `gradients` leaves dX to whoever reads it.
  package var canDeferInputGradient: Bool { plan.canDeferInputGradient }

  /// Y = Q1(X)·Q2(W)ᵀ + b (Eq. 3).
  ///
  /// - Parameters:
  ///   - x: [N, D]; see `keepsInput`.
  ///   - parameters: W and b.
  ///   - y: [N, C], overwritten.
  ///   - workspace: what the backward pass needs is left on its stack `kept`.
  ///   - context: the step, which keys the random bits.
  /// - Throws: `NonFiniteTensor` where X or W cannot be quantized.
  public func forward(
    _ x: FloatMatrix, _ parameters: Parameters, y: FloatMatrix, workspace: Workspace,
    context: StepContext
  ) throws -> Saved {
    try forward(.matrix(x), parameters, y: y, workspace: workspace, context: context)
  }

  /// The same of numbers that are made while they are read, and kept by the layer where it needs them again.
  package func forward(
    _ x: LazyMatrix, _ parameters: Parameters, y: FloatMatrix, workspace: Workspace,
    context: StepContext
  ) throws -> Saved {
    precondition(y.columns == outputs && x.shape.rows == y.rows, "\(name): shapes")
    return try workspace.scratch.scratch {
      if let wide = plan.wideChannels {
        let (saved, terms) = try splitOperands(x, parameters, wide, workspace, context)
        multiply(terms, into: y, workspace.scratch, context)
        return saved
      }
      let (saved, terms) = try operands(x, parameters, workspace, context)
      context.products?.count(.y, terms.engine)
      multiply(terms, into: y, workspace.scratch, context)
      return saved
    }
  }

  /// What `forward` saves, where Y is left to whoever reads `output`.
  ///
  /// - Precondition: `canRecomputeOutput`.
  /// - Throws: as `forward`.
  package func prepare(
    _ x: LazyMatrix, _ parameters: Parameters, workspace: Workspace, context: StepContext
  ) throws -> Saved {
    precondition(canRecomputeOutput, "\(name): the operands are not saved")
    return try workspace.scratch.scratch {
      if let wide = plan.wideChannels {
        return try splitOperands(x, parameters, wide, workspace, context).saved
      }
      return try operands(x, parameters, workspace, context).saved
    }
  }

  /// Q2(W), for passes that go through the layer more than once with the same weights; see `Parameters.encoded`.
  ///
  /// - Throws: `NonFiniteTensor` where W cannot be quantized.
  package func encodeWeight(
    _ parameters: Parameters, _ arena: Arena, _ context: StepContext
  ) throws -> Encoded {
    guard let wide = plan.wideChannels else {
      return try encode(
        parameters.weight, .q2, arena, context, averages: parameters.weightAverages)
    }
    return try encodeNarrowWeight(
      parameters, split(parameters, wide, arena), arena, scratch: arena, context)
  }

  /// Y, to the bit what `forward` computes, so that nobody need keep it.
  ///
  /// - Precondition: `canRecomputeOutput`.
  /// - Parameters:
  ///   - saved: what `forward` or `prepare` returned.
  ///   - parameters: theirs.
  ///   - arena: where it is put where it is no single product, which its reader could make.
  ///   - context: counts the product.
  package func output(
    _ saved: Saved, _ parameters: Parameters, arena: Arena, context: StepContext
  ) -> LazyMatrix.Numbers {
    guard canRecomputeOutput, let weight = saved.weight else {
      preconditionFailure("\(name): the operands were not saved as codes")
    }
    let terms = ProductTerms(saved.input, weight, bias: saved.split?.bias ?? parameters.bias)
    if let wide = saved.wide {
      let y = arena.matrix(rows: saved.input.shape.rows, columns: outputs)
      multiply(SplitTerms(narrow: terms, wide: wide.terms), into: y, arena, context)
      return .matrix(y)
    }
    context.products?.count(.y, terms.engine)
    return .product(terms)
  }

  /// dX = Q3(dY)·Q4(·), dW += Q5(dY)ᵀ·Q6(·), db += Σ_N dY (Eq. 4 and 5); with a mean, dW += Σ_N dY·μᵀ, too. dY is read once
  /// for Q3, Q5 and db.
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
    try backward(
      dy: .matrix(dy), saved, parameters, dx: dx, gradients: gradients, arena: arena,
      context: context)
  }

  /// The same of numbers that are made while they are read.
  package func backward(
    dy: LazyMatrix, _ saved: Saved, _ parameters: Parameters, dx: FloatMatrix,
    gradients: Gradients, arena: Arena, context: StepContext
  ) throws {
    precondition(dx.columns == inputs && dy.shape.rows == dx.rows, "\(name): shapes")
    try arena.scratch {
      let terms = try self.gradients(
        dy: dy, saved, parameters, into: gradients, arena: arena, context: context)
      multiply(terms, into: dx, arena, context)
      if plan.rotatesInputGradient { rotate(dx, into: dx, context) }
    }
  }

  /// The same, dX left to whoever reads it.
  ///
  /// - Precondition: `canDeferInputGradient`, or the caller rotates.
  /// - Returns: dX, whose operands lie in the arena.
  package func gradients(
    dy: LazyMatrix, _ saved: Saved, _ parameters: Parameters, into gradients: Gradients,
    arena: Arena, context: StepContext
  ) throws -> ProductTerms {
    precondition(dy.shape.columns == outputs, "\(name): shapes")
    if let norms = saved.norms, let place = gradients.channels {
      context.compute.add(norms, to: place)
    }
    if let wide = saved.wide {
      return try gradientsSplit(
        dy: dy, saved, wide, into: gradients, arena: arena, context: context)
    }
    // Σ_N dY of this call alone, where it is needed for dW.
    let sums = saved.split.map { _ in zeros(outputs, arena, context) }
    let (q3, q5) = try encode(
      dy, rows: (.q3, arena), columns: (.q5, arena), sums: sums ?? gradients.bias, arena, context)
    guard let q5 else { preconditionFailure("\(name): no operand") }
    try arena.scratch {
      let q6 =
        plan.kept == .finalInput ? saved.input : try recode(saved.input, .q6, arena, context)
      let terms = ProductTerms(q5, q6)
      context.products?.count(.dw, terms.engine)
      if plan.rotatesWeightGradient {
        let rotated = arena.matrix(rows: outputs, columns: inputs)
        multiply(terms, into: rotated, arena, context)
        rotate(rotated, into: gradients.weight, adds: true, context)
      } else {
        multiply(terms, into: gradients.weight, accumulates: true, arena, context)
      }
      if let split = saved.split, let sums {
        add(split, sums, parameters, to: gradients, arena, context)
      }
    }
    let q4 =
      plan.q4ReadsQuantized
      ? try recode(
        saved.weight ?? encodeWeight(parameters, arena, context), .q4, arena, context)
      : try encode(parameters.weight, .q4, arena, context)
    let terms = ProductTerms(q3, q4)
    context.products?.count(.dx, terms.engine)
    return terms
  }

  /// What a mean that was subtracted from X adds: Σ_N dY·μᵀ to dW, and its distance from that of X.
  private func add(
    _ split: MeanSplit, _ sums: FloatMatrix, _ parameters: Parameters, to gradients: Gradients,
    _ arena: Arena, _ context: StepContext
  ) {
    guard let mean = parameters.inputMean else { preconditionFailure("\(name): no mean") }
    let terms = ProductTerms(
      Encoded(exact: sums, axis: .columns), Encoded(exact: mean, axis: .columns))
    multiply(terms, into: gradients.weight, accumulates: true, arena, context)
    context.compute.add(sums, to: gradients.bias)
    if let place = gradients.inputMean { context.compute.add(split.distance, to: place) }
  }
}
