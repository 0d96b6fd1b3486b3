import MXCompute
import MXLinear
import MXRuntime

/// A linear layer and where its parameters lie.
struct LinearLayer: Sendable {
  private let linear: Linear
  private let weight, bias: Parameter
  /// The moving average of inputs, where Q1 reads what they are beside it.
  private let inputMean: Parameter?
  /// Which inputs are in a wide format, where the recipe has any.
  private let channels: Parameter?
  /// Where it is a layer of INT4 behind rotations.
  private let rotated: Rotated?
  /// What W is called.
  let weightName: String
  private let isQuantized: Bool

  /// Such a layer, and its steps s_X and s_W, and log2 of its rotation's size.
  private struct Rotated {
    let linear: RotatedLinear
    let inputStep, weightStep, group: Parameter
  }

  /// Adds the layer's parameters to a table.
  ///
  /// - Parameter kind: which layer of a block it is, for which the recipe's quantizers are meant; nil for one without any.
  init(
    _ name: String, index: Int, inputs: Int, outputs: Int, recipe: LinearRecipe, engine: Engine,
    kind: LayerKind?, in table: inout ParameterTable
  ) {
    isQuantized = kind != nil
    linear = Linear(
      name: name, index: index, inputs: inputs, outputs: outputs,
      recipe: isQuantized ? recipe : recipe.withoutQuantizers, engine: engine)
    weightName = "\(name).weight"
    weight = table.add(
      weightName, [outputs, inputs], initial: .narrowNormal, decays: true,
      quantized: isQuantized)
    bias = table.add("\(name).bias", [outputs], decays: false)
    let splits = kind.map(recipe.meanSplit.contains) == true
    inputMean =
      splits
      ? table.adding(.means) { $0.add("\(name).input_mean", [inputs], decays: false) } : nil
    channels =
      isQuantized && recipe.outControl != nil
      ? table.adding(.channels) { $0.add("\(name).outlier_channels", [inputs], decays: false) }
      : nil
    rotated = (isQuantized ? recipe.rotated : nil).map { gradient in
      Rotated(
        linear: RotatedLinear(index: index, gradient: gradient),
        inputStep: table.add(
          "\(name).scale_input", [1], initial: .constant(1), decays: false),
        weightStep: table.add(
          "\(name).scale_weight", [1], initial: .constant(1), decays: false),
        group: table.add("\(name).group", [1], initial: .constant(0), decays: false))
    }
  }

  /// C.
  var outputs: Int { linear.outputs }
  /// Whether nobody need keep the output of `forward`: the backward pass computes it again.
  var canRecomputeOutput: Bool { linear.canRecomputeOutput }

  private func parameters(_ pass: Pass) -> Linear.Parameters {
    let sampled = isQuantized ? pass.sampledWeights?[weight] : nil
    var parameters = Linear.Parameters(
      weight: sampled ?? pass.weights[weight], bias: pass.weights[bias],
      weightAverages: sampled == nil ? pass.weightAverages?[weight] : nil,
      inputMean: inputMean.map { pass.weights[$0] }, channels: channels.map { pass.weights[$0] })
    parameters.encoded = pass.encodedWeights?[linear.index]
    return parameters
  }

  /// Q2(W) in an arena, for evaluations of many batches.
  func encodeWeight(_ arena: Arena, _ pass: Pass) throws -> Encoded {
    try linear.encodeWeight(parameters(pass), arena, pass.context)
  }

  /// x [N, D] → y [N, C], overwritten. Where x lies in memory, it is scratch, or lasts until the backward pass.
  func forward(_ x: LazyMatrix, y: FloatMatrix, _ pass: Pass) throws -> Linear.Saved {
    if let rotated {
      let x = made(x, pass)
      rotated.linear.forward(
        x, parameters(rotated, in: pass.weights), group: pass.weights[rotated.group], y: y,
        arena: pass.scratch, context: pass.context)
      return Linear.Saved(keeping: x)
    }
    return try linear.forward(
      x, parameters(pass), y: y, workspace: pass.workspace, context: pass.context)
  }

  /// x [N, D] → y [N, C], which lasts until the backward pass, or is left to its readers.
  ///
  /// - Parameter recomputes: whether it is left to them; `canRecomputeOutput` must allow it.
  func forward(
    _ x: LazyMatrix, recomputes: Bool, _ pass: Pass
  ) throws -> (y: LazyMatrix.Numbers, saved: Linear.Saved) {
    guard recomputes else {
      let y = pass.kept.matrix(rows: x.shape.rows, columns: outputs)
      return (.matrix(y), try forward(x, y: y, pass))
    }
    let saved = try linear.prepare(
      x, parameters(pass), workspace: pass.workspace, context: pass.context)
    return (output(saved, pass), saved)
  }

  /// y [N, C] of the forward pass once more, made as it is read, or in scratch memory.
  func output(_ saved: Linear.Saved, _ pass: Pass) -> LazyMatrix.Numbers {
    linear.output(saved, parameters(pass), arena: pass.scratch, context: pass.context)
  }

  /// Memory for x [N, D]: lasting where the layer keeps x, else scratch.
  func inputMatrix(rows: Int, _ pass: Pass) -> FloatMatrix {
    (linear.keepsInput ? pass.kept : pass.scratch).matrix(rows: rows, columns: linear.inputs)
  }

  /// dy [N, C] → dx [N, D], in scratch memory.
  func backward(
    dy: LazyMatrix, _ saved: Linear.Saved, gradients: AlignedBuffer<Float>, _ pass: Pass
  ) throws -> FloatMatrix {
    let dx = pass.scratch.matrix(rows: dy.shape.rows, columns: linear.inputs)
    if let rotated {
      pass.scratch.scratch {
        let numbers = pass.scratch.matrix(rows: dy.shape.rows, columns: dy.shape.columns)
        pass.compute.make(dy, into: numbers, arena: pass.scratch, profile: pass.profile)
        rotated.linear.backward(
          dy: numbers, x: saved.kept, parameters(rotated, in: pass.weights),
          group: pass.weights[rotated.group], dx: dx,
          gradients: parameters(rotated, in: gradients), arena: pass.scratch,
          context: pass.context)
      }
      return dx
    }
    try linear.backward(
      dy: dy, saved, parameters(pass), dx: dx, gradients: places(gradients), arena: pass.scratch,
      context: pass.context)
    return dx
  }

  /// The same; dx is left to its reader where it can be, its operands in scratch memory.
  func backwardLazily(
    dy: LazyMatrix, _ saved: Linear.Saved, gradients: AlignedBuffer<Float>, _ pass: Pass
  ) throws -> LazyMatrix.Numbers {
    guard linear.canDeferInputGradient else {
      return .matrix(try backward(dy: dy, saved, gradients: gradients, pass))
    }
    return .product(
      try linear.gradients(
        dy: dy, saved, parameters(pass), into: places(gradients), arena: pass.scratch,
        context: pass.context))
  }

  /// The numbers of x, where the layer keeps them.
  private func made(_ x: LazyMatrix, _ pass: Pass) -> FloatMatrix {
    if let x = x.matrix { return x }
    let matrix = pass.kept.matrix(rows: x.shape.rows, columns: x.shape.columns)
    pass.compute.make(x, into: matrix, arena: pass.scratch, profile: pass.profile)
    return matrix
  }

  private func parameters(
    _ rotated: Rotated, in buffer: AlignedBuffer<Float>
  ) -> RotatedLinear.Parameters {
    RotatedLinear.Parameters(
      weight: buffer[weight], bias: buffer[bias], inputStep: buffer[rotated.inputStep],
      weightStep: buffer[rotated.weightStep])
  }

  private func places(_ gradients: AlignedBuffer<Float>) -> Linear.Gradients {
    Linear.Gradients(
      weight: gradients[weight], bias: gradients[bias], inputMean: inputMean.map { gradients[$0] },
      channels: channels.map { gradients[$0] })
  }
}
