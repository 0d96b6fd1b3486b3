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
  package var canRecomputeOutput: Bool { plan.canRecomputeOutput }

  /// Whether `gradients` leaves dX to whoever reads it.
  package var canDeferInputGradient: Bool { plan[.q3].isCodes && plan[.q4].isCodes }

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
      try operands(x, parameters, workspace, context).saved
    }
  }

  /// Q2(W), for passes that go through the layer more than once with the same weights; see `Parameters.encoded`.
  ///
  /// - Throws: `NonFiniteTensor` where W cannot be quantized.
  package func encodeWeight(
    _ parameters: Parameters, _ arena: Arena, _ context: StepContext
  ) throws -> Encoded {
    try encode(parameters.weight, .q2, arena, context, averages: parameters.weightAverages)
  }

  /// Y, to the bit what `forward` computes, so that nobody need keep it.
  ///
  /// - Precondition: `canRecomputeOutput`.
  /// - Parameters:
  ///   - saved: what `forward` or `prepare` returned.
  ///   - parameters: theirs.
  ///   - context: counts the product.
  package func output(
    _ saved: Saved, _ parameters: Parameters, context: StepContext
  ) -> ProductTerms {
    guard canRecomputeOutput, let weight = saved.weight else {
      preconditionFailure("\(name): the operands were not saved as codes")
    }
    let terms = ProductTerms(saved.input, weight, bias: parameters.bias)
    context.products?.count(.y, terms.engine)
    return terms
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
    }
  }

  /// The same, dX left to whoever reads it.
  ///
  /// - Returns: dX, whose operands lie in the arena.
  package func gradients(
    dy: LazyMatrix, _ saved: Saved, _ parameters: Parameters, into gradients: Gradients,
    arena: Arena, context: StepContext
  ) throws -> ProductTerms {
    precondition(dy.shape.columns == outputs, "\(name): shapes")
    let (q3, q5) = try encodeGradient(dy, gradients.bias, arena, context)
    try arena.scratch {
      let q6 =
        plan.kept == .finalInput ? saved.input : try recode(saved.input, .q6, arena, context)
      let terms = ProductTerms(q5, q6)
      context.products?.count(.dw, terms.engine)
      multiply(terms, into: gradients.weight, accumulates: true, arena, context)
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
}

// MARK: - Operands

extension Linear {
  /// The operands of the forward product, and what the backward pass needs of them.
  private func operands(
    _ x: LazyMatrix, _ parameters: Parameters, _ workspace: Workspace, _ context: StepContext
  ) throws -> (saved: Saved, terms: ProductTerms) {
    precondition(x.shape.columns == inputs, "\(name): shapes")
    let weight =
      try parameters.encoded
      ?? encodeWeight(parameters, plan.keepsWeight ? workspace.kept : workspace.scratch, context)
    var x = x
    if plan.kept == .input {
      x = .matrix(inMemory(x, workspace.kept, context))
    } else if !plan[.q1].isCodes {
      x = .matrix(inMemory(x, workspace.scratch, context))
    }
    let (input, final) = try encode(
      x, rows: (.q1, plan.kept == .quantizedInput ? workspace.kept : workspace.scratch),
      columns: plan.kept == .finalInput ? (.q6, workspace.kept) : nil, sums: nil,
      workspace.scratch, context)
    let kept =
      if plan.kept == .input, case .numbers(.matrix(let x)) = x {
        Encoded(exact: x, axis: Operand.q6.axis)
      } else { final ?? input }
    return (
      Saved(input: kept, weight: plan.keepsWeight ? weight : nil),
      ProductTerms(input, weight, bias: parameters.bias)
    )
  }

  /// The numbers of x, in an arena where they are not in memory yet, or cannot be put where what they are made of is.
  private func inMemory(_ x: LazyMatrix, _ arena: Arena, _ context: StepContext) -> FloatMatrix {
    if case .numbers(.matrix(let x)) = x { return x }
    let matrix =
      x.overwritable ?? arena.matrix(rows: x.shape.rows, columns: x.shape.columns)
    context.compute.make(x, into: matrix, arena: arena, profile: context.profile)
    return matrix
  }

  private func encode(
    _ x: FloatMatrix, _ operand: Operand, _ arena: Arena, _ context: StepContext,
    averages: FloatMatrix? = nil
  ) throws -> Encoded {
    count(x, operand, context, averages: averages)
    return try checked(
      operand,
      context.profile.measure(.quantizer) {
        context.compute.encode(
          x, averages: averages, axis: operand.axis, plan[operand],
          random: context.random(operand, layer: index), arena: arena)
      })
  }

  /// What one product reads of x along its rows, and another one along its columns.
  private func encode(
    _ x: LazyMatrix, rows: (operand: Operand, arena: Arena),
    columns: (operand: Operand, arena: Arena)?, sums: FloatMatrix?, _ arena: Arena,
    _ context: StepContext
  ) throws -> (rows: Encoded, columns: Encoded?) {
    func request(_ wanted: (operand: Operand, arena: Arena)) -> OperandRequest {
      OperandRequest(
        plan[wanted.operand], random: context.random(wanted.operand, layer: index),
        arena: wanted.arena, countsLosses: context.census != nil)
    }
    let (first, second) = context.compute.encode(
      x, rows: request(rows), columns: columns.map(request), addingColumnSumsTo: sums,
      arena: arena, profile: context.profile)
    guard let first else { preconditionFailure("\(name): no operand") }
    let encoded = try taken(rows.operand, first, context)
    guard let columns, let second else { return (encoded, nil) }
    return (encoded, try taken(columns.operand, second, context))
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
    return try checked(
      operand,
      context.profile.measure(.quantizer) {
        context.compute.recode(
          source, axis: operand.axis, plan[operand],
          random: context.random(operand, layer: index), arena: arena)
      })
  }

  private func encodeGradient(
    _ dy: LazyMatrix, _ sums: FloatMatrix, _ arena: Arena, _ context: StepContext
  ) throws -> (q3: Encoded, q5: Encoded) {
    var dy = dy
    if !(plan[.q3].isCodes && plan[.q5].isCodes) {
      dy = .matrix(inMemory(dy, arena, context))
    }
    let (q3, q5) = try encode(
      dy, rows: (.q3, arena), columns: (.q5, arena), sums: sums, arena, context)
    guard let q5 else { preconditionFailure("\(name): no operand") }
    return (q3, q5)
  }

  /// The operand, whose losses enter the census.
  private func taken(
    _ operand: Operand, _ encoded: EncodedOperand, _ context: StepContext
  ) throws -> Encoded {
    if let losses = encoded.losses { context.census?.add(losses, of: operand) }
    return try checked(operand, (encoded.operand, encoded.broken))
  }

  private func checked(
    _ operand: Operand, _ encoded: (operand: Encoded, broken: Int)
  ) throws -> Encoded {
    guard encoded.broken == 0 else {
      throw NonFiniteTensor(tensor: "\(name): the \(operand.tensor) (\(operand.rawValue))")
    }
    return encoded.operand
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
    _ terms: ProductTerms, into c: FloatMatrix, accumulates: Bool = false, _ arena: Arena,
    _ context: StepContext
  ) {
    context.profile.measure(.product) {
      context.compute.product(
        terms.a, terms.b, bias: terms.bias, into: c, accumulates: accumulates, arena: arena)
    }
  }
}

extension ProductTerms {
  /// How the product is computed.
  fileprivate var engine: Engine { a.isCodes && b.isCodes ? .packed : .simulated }
}
