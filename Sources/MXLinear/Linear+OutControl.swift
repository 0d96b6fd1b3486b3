import MXCompute
import MXFormats
import MXRuntime

// Shapes as in Linear.swift; of D channels D_n are in the recipe's formats, and D_w in the wide one (`OutControl`).

extension Linear {
  /// What the backward pass needs of a forward pass with wide channels, beside the narrow operands.
  struct WideSaved: BitwiseCopyable {
    let split: ChannelSplit
    /// Qw(X_w) [N, D_w], and Qw(W_w) [C, D_w].
    let input, weight: Encoded

    /// Qw(X_w)·Qw(W_w)ᵀ; nil where no channel is wide.
    var terms: ProductTerms? { split.wide.isEmpty ? nil : ProductTerms(input, weight) }
  }

  /// Q1(X_n)·Q2(W_n)ᵀ + b, and what is added to it.
  struct SplitTerms {
    let narrow: ProductTerms
    let wide: ProductTerms?
  }

  /// The operands of Y = Q1(X_n)·Q2(W_n)ᵀ + Qw(X_w)·Qw(W_w)ᵀ + b, and what the backward pass needs of them.
  func splitOperands(
    _ x: LazyMatrix, _ parameters: Parameters, _ wide: OutControl, _ workspace: Workspace,
    _ context: StepContext
  ) throws -> (saved: Saved, terms: SplitTerms) {
    let (kept, scratch) = (workspace.kept, workspace.scratch)
    let split = split(parameters, wide, kept)
    return try scratch.scratch {
      let x = inMemory(x, scratch, context)
      // What no quantizer copies is what the backward pass reads.
      let (inputs, weights) = (
        plan[.q1].quantizer == nil ? kept : scratch, plan[.q2].quantizer == nil ? kept : scratch
      )
      let compute = context.compute
      let input = try encode(
        compute.columns(of: x, at: split.narrow, inputs), .q1, kept, context)
      let weight =
        try parameters.encoded
        ?? encodeNarrowWeight(parameters, split, kept, scratch: weights, context)
      let wide = WideSaved(
        split: split,
        input: try encodeWide(
          compute.columns(of: x, at: split.wide, inputs), like: .q1, axis: .rows, kept, context),
        weight: try encodeWide(
          compute.columns(of: parameters.weight, at: split.wide, weights), like: .q2, axis: .rows,
          kept, context))
      if let census = context.inputs, plan[.q1].quantizer != nil {
        scratch.scratch {
          let values = merged(input, wide.input, split, scratch, context)
          census.take(name, index: index, input: x, quantized: values, context.compute)
        }
      }
      let narrow = ProductTerms(input, weight, bias: parameters.bias)
      return (
        Saved(input: input, weight: weight, wide: wide),
        SplitTerms(narrow: narrow, wide: wide.terms)
      )
    }
  }

  /// y [N, C], overwritten.
  func multiply(
    _ terms: SplitTerms, into y: FloatMatrix, _ arena: Arena, _ context: StepContext
  ) {
    multiply(counted(terms.narrow, .y, context), into: y, arena, context)
    if let wide = terms.wide { multiply(wide, into: y, accumulates: true, arena, context) }
  }

  /// Q2(W_n).
  ///
  /// - Parameters:
  ///   - arena: where it is put.
  ///   - scratch: where the channels come together, if need be the same.
  func encodeNarrowWeight(
    _ parameters: Parameters, _ split: ChannelSplit, _ arena: Arena, scratch: Arena,
    _ context: StepContext
  ) throws -> Encoded {
    func columns(_ x: FloatMatrix) -> FloatMatrix {
      context.compute.columns(of: x, at: split.narrow, scratch)
    }
    let weight = columns(parameters.weight)
    let averages = parameters.weightAverages.map(columns)
    return try encode(weight, .q2, arena, context, averages: averages)
  }

  /// Which channels are wide.
  func split(_ parameters: Parameters, _ wide: OutControl, _ arena: Arena) -> ChannelSplit {
    guard let channels = parameters.channels else { preconditionFailure("\(name): no channels") }
    return ChannelSplit(channels, count: wide.count(of: inputs), arena)
  }

  /// dW = that of both kinds of channels, and dX = Q3(dY)·Q4(W̃).
  ///
  /// - Returns: dX, whose operands lie in the arena.
  func gradientsSplit(
    dy: LazyMatrix, _ saved: Saved, _ wide: WideSaved, into gradients: Gradients, arena: Arena,
    context: StepContext
  ) throws -> ProductTerms {
    let split = wide.split
    guard let weight = saved.weight else { preconditionFailure("\(name): no weight was kept") }
    let dy = inMemory(dy, arena, context)
    let (q3, q5) = try encode(
      .matrix(dy), rows: (.q3, arena), columns: (.q5, arena), sums: gradients.bias, arena, context)
    guard let q5 else { preconditionFailure("\(name): no operand") }
    try arena.scratch {
      func add(_ terms: ProductTerms, _ places: UnsafeMutableBufferPointer<Int>) {
        let sums = arena.matrix(rows: outputs, columns: places.count)
        multiply(terms, into: sums, arena, context)
        context.compute.putColumns(sums, at: places, of: gradients.weight, adds: true)
      }
      let q6 = try recode(saved.input, .q6, arena, context)
      add(counted(ProductTerms(q5, q6), .dw, context), split.narrow)
      if !split.wide.isEmpty {
        let left = try encodeWide(dy, like: .q5, axis: .columns, arena, context)
        let right = try recodeWide(wide.input, like: .q6, arena, context)
        add(ProductTerms(left, right), split.wide)
      }
    }
    let values = merged(weight, wide.weight, split, arena, context)
    let q4 = try encode(values, .q4, arena, context)
    return counted(ProductTerms(q3, q4), .dx, context)
  }

  /// The product is counted as one of the layer's three.
  private func counted(
    _ terms: ProductTerms, _ product: LinearProduct, _ context: StepContext
  ) -> ProductTerms {
    context.products?.count(product, terms.engine)
    return terms
  }

  /// The values of operands of both kinds of channels, in the channels' order.
  private func merged(
    _ narrow: Encoded, _ wide: Encoded, _ split: ChannelSplit, _ arena: Arena,
    _ context: StepContext
  ) -> FloatMatrix {
    let values = arena.matrix(rows: narrow.shape.rows, columns: inputs)
    arena.scratch {
      for (operand, places) in [(narrow, split.narrow), (wide, split.wide)] {
        let part = arena.matrix(rows: values.rows, columns: places.count)
        context.compute.decode(operand, into: part)
        context.compute.putColumns(part, at: places, of: values, adds: false)
      }
    }
    return values
  }

  /// What Qw makes of x, where the narrow channels have such a quantizer.
  private func encodeWide(
    _ x: FloatMatrix, like operand: Operand, axis: GroupAxis, _ arena: Arena,
    _ context: StepContext
  ) throws -> Encoded {
    // Rounding to the nearest draws nothing.
    try checked(
      operand,
      context.profile.measure(.quantizer) {
        context.compute.encode(
          x, averages: nil, axis: axis, plan.wide(like: operand),
          random: context.random(operand, layer: index), arena: arena)
      })
  }

  /// The same once more, along the other axis.
  private func recodeWide(
    _ source: Encoded, like operand: Operand, _ arena: Arena, _ context: StepContext
  ) throws -> Encoded {
    try checked(
      operand,
      context.profile.measure(.quantizer) {
        context.compute.recode(
          source, axis: .columns, plan.wide(like: operand),
          random: context.random(operand, layer: index), arena: arena)
      })
  }
}
