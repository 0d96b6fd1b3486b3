import MXCompute
import MXFormats
import MXRuntime

// Shapes: N rows (batch · tokens), D inputs, C outputs. X [N, D], W [C, D], b [1, C], Y and dY [N, C].

/// The fully connected layer Y = Q1(X)·Q2(W)ᵀ + b and its gradients.
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
  private let plan: LinearPlan

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
  public var canRecomputeOutput: Bool { plan.canRecomputeOutput }

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
    precondition(x.columns == inputs && y.columns == outputs && x.rows == y.rows, "\(name): shapes")
    return try workspace.scratch.scratch {
      let weight =
        try parameters.encoded
        ?? encodeWeight(
          parameters, plan.keepsWeight ? workspace.kept : workspace.scratch, context)
      let final =
        plan.kept == .finalInput ? try encode(x, .q6, workspace.kept, context) : nil
      let input = try encode(
        x, .q1, plan.kept == .quantizedInput ? workspace.kept : workspace.scratch, context)
      multiply(.y, input, weight, bias: parameters.bias, into: y, workspace.scratch, context)
      let kept =
        plan.kept == .input ? Encoded(exact: x, axis: Operand.q6.axis) : final ?? input
      return Saved(input: kept, weight: plan.keepsWeight ? weight : nil)
    }
  }

  /// Q2(W), for passes that go through the layer more than once with the same weights; see `Parameters.encoded`.
  ///
  /// - Throws: `NonFiniteTensor` where W cannot be quantized.
  public func encodeWeight(
    _ parameters: Parameters, _ arena: Arena, _ context: StepContext
  ) throws -> Encoded {
    try encode(parameters.weight, .q2, arena, context, averages: parameters.weightAverages)
  }

  /// Y once more, to the bit what `forward` computed, so that nobody need keep it.
  ///
  /// - Precondition: `canRecomputeOutput`.
  /// - Parameters: as those of `forward`, and what it returned.
  public func output(
    _ saved: Saved, _ parameters: Parameters, y: FloatMatrix, arena: Arena, context: StepContext
  ) {
    guard canRecomputeOutput, let weight = saved.weight else {
      preconditionFailure("\(name): the operands were not saved as codes")
    }
    multiply(.y, saved.input, weight, bias: parameters.bias, into: y, arena, context)
  }

  /// dX = Q3(dY)·Q4(·), dW += Q5(dY)ᵀ·Q6(·), db += Σ_N dY (Eq. 4 and 5). dY is read once for Q3, Q5 and db.
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
      let (q3, q5) = try encodeGradient(dy, gradients.bias, arena, context)
      try arena.scratch {
        let q4 =
          plan.q4ReadsQuantized
          ? try recode(
            saved.weight ?? encodeWeight(parameters, arena, context), .q4, arena, context)
          : try encode(parameters.weight, .q4, arena, context)
        multiply(.dx, q3, q4, into: dx, arena, context)
      }
      try arena.scratch {
        let q6 =
          plan.kept == .finalInput ? saved.input : try recode(saved.input, .q6, arena, context)
        multiply(.dw, q5, q6, into: gradients.weight, accumulates: true, arena, context)
      }
    }
  }
}

// MARK: - Operands

extension Linear {
  private func encode(
    _ x: FloatMatrix, _ operand: Operand, _ arena: Arena, _ context: StepContext,
    averages: FloatMatrix? = nil
  ) throws -> Encoded {
    count(x, operand, context, averages: averages)
    return try checked(operand, context) {
      context.compute.encode(
        x, averages: averages, axis: operand.axis, plan[operand],
        random: context.random(operand, layer: index), arena: arena)
    }
  }

  private func recode(
    _ source: Encoded, _ operand: Operand, _ arena: Arena, _ context: StepContext
  ) throws -> Encoded {
    if context.census != nil {
      arena.scratch {
        let values = arena.matrix(rows: source.shape.rows, columns: source.shape.columns)
        context.compute.decode(source, into: values)
        count(values, operand, context)
      }
    }
    return try checked(operand, context) {
      context.compute.recode(
        source, axis: operand.axis, plan[operand],
        random: context.random(operand, layer: index), arena: arena)
    }
  }

  private func encodeGradient(
    _ dy: FloatMatrix, _ sums: FloatMatrix, _ arena: Arena, _ context: StepContext
  ) throws -> (q3: Encoded, q5: Encoded) {
    count(dy, .q3, context)
    count(dy, .q5, context)
    let (q3, q5, broken3, broken5) = context.profile.measure(.quantizer) {
      context.compute.encodeOnce(
        dy, rows: plan[.q3], context.random(Operand.q3, layer: index), columns: plan[.q5],
        context.random(Operand.q5, layer: index), addingColumnSumsTo: sums, arena: arena)
    }
    return (
      try checked(.q3, context) { (q3, broken3) }, try checked(.q5, context) { (q5, broken5) }
    )
  }

  private func checked(
    _ operand: Operand, _ context: StepContext, _ body: () -> (operand: Encoded, broken: Int)
  ) throws -> Encoded {
    let (encoded, broken) = context.profile.measure(.quantizer, body)
    guard broken == 0 else {
      throw NonFiniteTensor(tensor: "\(name): the \(operand.tensor) (\(operand.rawValue))")
    }
    return encoded
  }

  /// Takes what a quantizer loses of x into the census, if there is one.
  private func count(
    _ x: FloatMatrix, _ operand: Operand, _ context: StepContext, averages: FloatMatrix? = nil
  ) {
    guard let census = context.census, let quantizer = plan[operand].quantizer else { return }
    census.add(
      context.compute.losses(
        x, averages: averages, axis: operand.axis, quantizer,
        random: context.random(operand, layer: index)), of: operand)
  }

  private func multiply(
    _ product: LinearProduct, _ a: Encoded, _ b: Encoded, bias: FloatMatrix? = nil,
    into c: FloatMatrix, accumulates: Bool = false, _ arena: Arena, _ context: StepContext
  ) {
    context.products?.count(product, a.isCodes && b.isCodes ? .packed : .simulated)
    context.profile.measure(.product) {
      context.compute.product(
        a, b, bias: bias, into: c, accumulates: accumulates, arena: arena)
    }
  }
}
