import MXCompute
import MXFormats
import MXRuntime

// Shapes as in Linear.swift.

extension Linear {
  /// The operands of the forward product, and what the backward pass needs of them.
  func operands(
    _ x: LazyMatrix, _ parameters: Parameters, _ workspace: Workspace, _ context: StepContext
  ) throws -> (saved: Saved, terms: ProductTerms) {
    precondition(x.shape.columns == inputs, "\(name): shapes")
    let weight =
      try parameters.encoded
      ?? encodeWeight(parameters, plan.keepsWeight ? workspace.kept : workspace.scratch, context)
    let counted = plan.countsChannels ? inMemory(x, workspace.scratch, context) : nil
    let x = counted.map { .matrix($0) } ?? x.minus(parameters.inputMean)
    let split = parameters.inputMean.map {
      MeanSplit(
        bias: bias($0, weight, parameters, workspace, context),
        distance: zeros(inputs, workspace.kept, context))
    }
    let exact = plan.kept == .input ? inMemory(x, workspace.kept, context) : nil
    let (input, final) = try encode(
      exact.map { .matrix($0) } ?? x,
      rows: (.q1, plan.kept == .quantizedInput ? workspace.kept : workspace.scratch),
      columns: plan.kept == .finalInput ? (.q6, workspace.kept) : nil, sums: split?.distance,
      workspace.scratch, context)
    if let inputs = context.inputs, plan[.q1].quantizer != nil {
      follow(x, input, inputs, workspace.scratch, context)
    }
    if let split { context.compute.scale(split.distance, by: 1 / Float(x.shape.rows)) }
    let kept = exact.map { Encoded(exact: $0, axis: Operand.q6.axis) }
    return (
      Saved(
        input: kept ?? final ?? input, weight: plan.keepsWeight ? weight : nil, split: split,
        norms: counted.map { norms($0, workspace.kept, context) }),
      ProductTerms(input, weight, bias: split?.bias ?? parameters.bias)
    )
  }

  /// ‖X_j‖₂ of every channel.
  private func norms(_ x: FloatMatrix, _ arena: Arena, _ context: StepContext) -> FloatMatrix {
    let norms = zeros(inputs, arena, context)
    context.compute.addColumnNorms(of: x, to: norms)
    return norms
  }

  /// Shows a census what Q1 read, and what it made of that.
  private func follow(
    _ x: LazyMatrix, _ input: Encoded, _ census: InputCensus, _ arena: Arena, _ context: StepContext
  ) {
    arena.scratch {
      func matrix() -> FloatMatrix { arena.matrix(rows: x.shape.rows, columns: x.shape.columns) }
      let (numbers, values) = (matrix(), matrix())
      context.compute.make(x, into: numbers, arena: arena, profile: nil)
      if plan.rotatesForward {
        context.compute.rotate(numbers, by: plan.rotation, into: numbers, adds: false)
      }
      context.compute.decode(input, into: values)
      census.take(name, index: index, input: numbers, quantized: values, context.compute)
    }
  }

  /// b + Q2(W)·μ, in single precision.
  private func bias(
    _ mean: FloatMatrix, _ weight: Encoded, _ parameters: Parameters, _ workspace: Workspace,
    _ context: StepContext
  ) -> FloatMatrix {
    let bias = workspace.kept.matrix(rows: 1, columns: outputs)
    var mean = mean
    if plan.rotatesForward {
      let rotated = workspace.scratch.matrix(rows: 1, columns: inputs)
      rotate(mean, into: rotated, context)
      mean = rotated
    }
    let terms = ProductTerms(Encoded(exact: mean, axis: .rows), weight, bias: parameters.bias)
    multiply(terms, into: bias, workspace.scratch, context)
    return bias
  }

  func rotate(
    _ x: FloatMatrix, into y: FloatMatrix, adds: Bool = false, _ context: StepContext
  ) {
    context.profile.measure(.quantizer) {
      context.compute.rotate(x, by: plan.rotation, into: y, adds: adds)
    }
  }

  /// A row of zeros.
  func zeros(_ columns: Int, _ arena: Arena, _ context: StepContext) -> FloatMatrix {
    let row = arena.matrix(rows: 1, columns: columns)
    context.compute.fill(row, with: 0)
    return row
  }

  /// The numbers of x, in an arena where they are not in memory yet.
  func inMemory(_ x: LazyMatrix, _ arena: Arena, _ context: StepContext) -> FloatMatrix {
    if let x = x.matrix { return x }
    let matrix = arena.matrix(rows: x.shape.rows, columns: x.shape.columns)
    context.compute.make(x, into: matrix, arena: arena, profile: context.profile)
    return matrix
  }

  func encode(
    _ x: FloatMatrix, _ operand: Operand, _ arena: Arena, _ context: StepContext,
    averages: FloatMatrix? = nil
  ) throws -> Encoded {
    count(x, operand, context, averages: averages, arena)
    return try checked(
      operand,
      context.profile.measure(.quantizer) {
        context.compute.encode(
          x, averages: averages, axis: operand.axis, plan[operand],
          random: random(operand, context), arena: arena)
      })
  }

  /// What one product reads of x along its rows, and another one along its columns.
  func encode(
    _ x: LazyMatrix, rows: (operand: Operand, arena: Arena),
    columns: (operand: Operand, arena: Arena)?, sums: FloatMatrix?, _ arena: Arena,
    _ context: StepContext
  ) throws -> (rows: Encoded, columns: Encoded?) {
    func request(_ wanted: (operand: Operand, arena: Arena)) -> OperandRequest {
      OperandRequest(
        plan[wanted.operand], random: random(wanted.operand, context),
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

  func recode(
    _ source: Encoded, _ operand: Operand, _ arena: Arena, _ context: StepContext
  ) throws -> Encoded {
    if context.census != nil {
      arena.scratch {
        let values = arena.matrix(rows: source.shape.rows, columns: source.shape.columns)
        context.compute.decode(source, into: values)
        count(values, operand, context, arena)
      }
    }
    return try checked(
      operand,
      context.profile.measure(.quantizer) {
        context.compute.recode(
          source, axis: operand.axis, plan[operand],
          random: random(operand, context), arena: arena)
      })
  }

  /// What stochastic rounding of an operand draws from.
  private func random(_ operand: Operand, _ context: StepContext) -> RandomStream {
    context.random(operand == .q5 && plan.sharesGradient ? .q3 : operand, layer: index)
  }

  /// The operand, whose losses enter the census.
  private func taken(
    _ operand: Operand, _ encoded: EncodedOperand, _ context: StepContext
  ) throws -> Encoded {
    if let losses = encoded.losses { context.census?.add(losses, of: operand) }
    return try checked(operand, (encoded.operand, encoded.broken))
  }

  func checked(
    _ operand: Operand, _ encoded: (operand: Encoded, broken: Int)
  ) throws -> Encoded {
    guard encoded.broken == 0 else {
      throw NonFiniteTensor(tensor: "\(name): the \(operand.tensor) (\(operand.rawValue))")
    }
    return encoded.operand
  }

  /// Takes what a quantizer loses of x into the census, if there is one.
  private func count(
    _ x: FloatMatrix, _ operand: Operand, _ context: StepContext, averages: FloatMatrix? = nil,
    _ arena: Arena
  ) {
    guard let census = context.census, let quantizer = plan[operand].quantizer else { return }
    census.add(
      context.compute.losses(
        x, averages: averages, axis: operand.axis, quantizer,
        random: random(operand, context), arena: arena), of: operand)
  }

  func multiply(
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
  var engine: Engine { a.isCodes && b.isCodes ? .packed : .simulated }
}
