import MXLinear
import Runtime

/// A linear layer and where its parameters lie.
struct LinearLayer: Sendable {
  let linear: Linear
  let weight: Int
  let bias: Int

  /// Adds the layer's parameters to a table. `recipe` nil: never quantized (the head).
  init(
    _ name: String, index: Int, inputs: Int, outputs: Int, recipe: LinearRecipe?,
    in table: inout ParameterTable
  ) {
    linear = Linear(
      name: name, index: index, inputs: inputs, outputs: outputs, recipe: recipe ?? .fp32)
    weight = table.add("\(name).weight", [outputs, inputs], decays: true, quantized: recipe != nil)
    bias = table.add("\(name).bias", [outputs], decays: false)
  }

  private func parameters(_ pass: Pass) -> Linear.Parameters {
    Linear.Parameters(
      weight: pass.weights + weight, bias: pass.weights + bias,
      weightEMA: pass.weightEMA.map { $0 + weight })
  }

  /// x [N, D] → y [N, C]; x belongs to the layer from here on.
  func forward(_ x: FloatMatrix, _ pass: Pass) throws -> (y: FloatMatrix, saved: Linear.Saved) {
    let y = pass.arena.matrix(rows: x.rows, columns: linear.outputs)
    let saved = try linear.forward(
      x, parameters(pass), y: y, arena: pass.arena, context: pass.context)
    return (y, saved)
  }

  /// dy [N, C] → dx [N, D].
  func backward(
    dy: FloatMatrix, _ saved: Linear.Saved, gradients: UnsafeMutablePointer<Float>, _ pass: Pass
  ) throws -> FloatMatrix {
    let dx = pass.arena.matrix(rows: dy.rows, columns: linear.inputs)
    try linear.backward(
      dy: dy, saved, parameters(pass), dx: dx,
      gradients: Linear.Gradients(weight: gradients + weight, bias: gradients + bias),
      arena: pass.arena, context: pass.context)
    return dx
  }
}
