import MXLinear
import Runtime

/// A linear layer and where its parameters lie.
struct LinearLayer: Sendable {
  let linear: Linear
  let weight: Int
  let bias: Int

  /// Adds the layer's parameters to a table. `recipe` nil: never quantized (the head).
  init(
    _ name: String, index: Int, inputs: Int, outputs: Int, recipe: LinearRecipe?, engine: Engine,
    in table: inout ParameterTable
  ) {
    linear = Linear(
      name: name, index: index, inputs: inputs, outputs: outputs, recipe: recipe ?? .fp32,
      engine: engine)
    weight = table.add("\(name).weight", [outputs, inputs], decays: true, quantized: recipe != nil)
    bias = table.add("\(name).bias", [outputs], decays: false)
  }

  private func parameters(_ pass: Pass) -> Linear.Parameters {
    Linear.Parameters(
      weight: pass.weights + weight, bias: pass.weights + bias,
      weightEMA: pass.weightEMA.map { $0 + weight })
  }

  /// Memory for x [N, D]: lasting where the layer keeps x, scratch where it keeps codes.
  func inputMatrix(rows: Int, _ pass: Pass) -> FloatMatrix {
    (linear.keepsInput ? pass.kept : pass.scratch).matrix(rows: rows, columns: linear.inputs)
  }

  /// x [N, D], in memory of `inputMatrix`, → y [N, C], overwritten. x belongs to the layer from here on.
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
    dy: FloatMatrix, _ saved: Linear.Saved, gradients: UnsafeMutablePointer<Float>, _ pass: Pass
  ) throws -> FloatMatrix {
    let dx = pass.scratch.matrix(rows: dy.rows, columns: linear.inputs)
    try linear.backward(
      dy: dy, saved, parameters(pass), dx: dx,
      gradients: Linear.Gradients(weight: gradients + weight, bias: gradients + bias),
      arena: pass.scratch, context: pass.context)
    return dx
  }
}
