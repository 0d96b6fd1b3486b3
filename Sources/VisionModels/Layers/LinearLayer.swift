import MXCompute
import MXLinear
import MXRuntime

/// A linear layer and where its parameters lie.
struct LinearLayer: Sendable {
  private let linear: Linear
  private let weight, bias: Parameter

  /// Adds the layer's parameters to a table. `recipe` nil: never quantized (the head).
  init(
    _ name: String, index: Int, inputs: Int, outputs: Int, recipe: LinearRecipe?, engine: Engine,
    in table: inout ParameterTable
  ) {
    linear = Linear(
      name: name, index: index, inputs: inputs, outputs: outputs, recipe: recipe ?? .fp32,
      engine: engine)
    weight = table.add(
      "\(name).weight", [outputs, inputs], initial: .narrowNormal, decays: true,
      quantized: recipe != nil)
    bias = table.add("\(name).bias", [outputs], decays: false)
  }

  /// C.
  var outputs: Int { linear.outputs }
  /// Whether nobody need keep the output of `forward`: the backward pass computes it again.
  var canRecomputeOutput: Bool { linear.canRecomputeOutput }

  private func parameters(_ pass: Pass) -> Linear.Parameters {
    Linear.Parameters(
      weight: pass.weights[weight], bias: pass.weights[bias],
      weightAverages: pass.weightAverages?[weight],
      encoded: pass.encodedWeights?[linear.index])
  }

  /// Q2(W) in an arena, for evaluations of many batches.
  func encodeWeight(_ arena: Arena, _ pass: Pass) throws -> Encoded {
    try linear.encodeWeight(parameters(pass), arena, pass.context)
  }

  /// Memory for x [N, D]: lasting where the layer keeps x, else scratch, and that of `reusing` where it is given.
  func inputMatrix(rows: Int, reusing scratch: FloatMatrix? = nil, _ pass: Pass) -> FloatMatrix {
    if linear.keepsInput { return pass.kept.matrix(rows: rows, columns: linear.inputs) }
    return scratch ?? pass.scratch.matrix(rows: rows, columns: linear.inputs)
  }

  /// x [N, D], in memory of `inputMatrix`, → y [N, C], overwritten.
  func forward(_ x: FloatMatrix, y: FloatMatrix, _ pass: Pass) throws -> Linear.Saved {
    try linear.forward(
      x, parameters(pass), y: y, workspace: pass.workspace, context: pass.context)
  }

  /// y [N, C] of the forward pass once more, in scratch memory.
  func recomputedOutput(_ saved: Linear.Saved, rows: Int, _ pass: Pass) -> FloatMatrix {
    let y = pass.scratch.matrix(rows: rows, columns: linear.outputs)
    linear.output(saved, parameters(pass), y: y, arena: pass.scratch, context: pass.context)
    return y
  }

  /// dy [N, C] → dx [N, D], in scratch memory.
  func backward(
    dy: FloatMatrix, _ saved: Linear.Saved, gradients: AlignedBuffer<Float>, _ pass: Pass
  ) throws -> FloatMatrix {
    let dx = pass.scratch.matrix(rows: dy.rows, columns: linear.inputs)
    try linear.backward(
      dy: dy, saved, parameters(pass), dx: dx,
      gradients: Linear.Gradients(weight: gradients[weight], bias: gradients[bias]),
      arena: pass.scratch, context: pass.context)
    return dx
  }
}
