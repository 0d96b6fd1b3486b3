import MXFormats
import Runtime

// Shapes: N rows (batch · tokens), D inputs, C outputs. X [N, D], W [C, D], b [C], Y and dY [N, C].

/// The fully connected layer Y = Q1(X)·Q2(W)ᵀ + b and its gradients, on the simulated engine.
///
/// Gradients pass straight through the quantizers (the paper's Eq. 6–9). The layer owns no memory:
/// weights and gradients lie in the caller's flat buffers, activations in an arena.
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

  /// A layer of `inputs` → `outputs`.
  public init(name: String, index: Int, inputs: Int, outputs: Int, recipe: LinearRecipe) {
    self.name = name
    self.index = index
    self.inputs = inputs
    self.outputs = outputs
    self.recipe = recipe
  }

  /// The parameters of a layer, in the caller's buffers.
  public struct Parameters {
    /// W [C, D].
    public let weight: UnsafePointer<Float>
    /// b [C].
    public let bias: UnsafePointer<Float>
    /// The moving average of W [C, D], which Q2 needs under `Rounding.ema`.
    public let weightEMA: UnsafePointer<Float>?

    /// Views on the parameters.
    public init(
      weight: UnsafePointer<Float>, bias: UnsafePointer<Float>,
      weightEMA: UnsafePointer<Float>? = nil
    ) {
      self.weight = weight
      self.bias = bias
      self.weightEMA = weightEMA
    }
  }

  /// What the backward pass needs of the forward pass.
  public struct Saved {
    /// What Q6 reads, [N, D]: Q1(X) or X.
    let input: FloatMatrix
  }

  /// Y = Q1(X)·Q2(W)ᵀ + b.
  ///
  /// - Parameters:
  ///   - x: [N, D]. Its memory belongs to the layer from here on: where Q6 reads Q1(X), Q1(X) takes
  ///     its place.
  ///   - y: [N, C], overwritten.
  /// - Throws: `NonFiniteTensor` where X or W cannot be quantized.
  public func forward(
    _ x: FloatMatrix, _ parameters: Parameters, y: FloatMatrix, arena: Arena, context: StepContext
  ) throws -> Saved {
    precondition(x.columns == inputs && y.columns == outputs && x.rows == y.rows, "\(name): shapes")
    let keepsQuantized = recipe[.q1] != nil && recipe.q6ReadsQuantized
    try arena.scratch {
      let weight = try quantizedWeight(parameters, arena, context)
      let xq = try quantize(x, .q1, arena, context, inPlace: keepsQuantized)
      SimulatedProducts.forward(xq, weight, bias: parameters.bias, y: y)
    }
    return Saved(input: x)
  }

  /// The gradients' places, in the caller's buffers.
  public struct Gradients {
    /// dW [C, D].
    public let weight: UnsafeMutablePointer<Float>
    /// db [C].
    public let bias: UnsafeMutablePointer<Float>

    /// Views on the gradients.
    public init(weight: UnsafeMutablePointer<Float>, bias: UnsafeMutablePointer<Float>) {
      self.weight = weight
      self.bias = bias
    }
  }

  /// dX = Q3(dY)·Q4(·), dW += Q5(dY)ᵀ·Q6(·), db += Σ_N dY.
  ///
  /// - Parameters:
  ///   - dy: [N, C].
  ///   - dx: [N, D], overwritten.
  /// - Throws: `NonFiniteTensor` where dY cannot be quantized.
  public func backward(
    dy: FloatMatrix, _ saved: Saved, _ parameters: Parameters, dx: FloatMatrix,
    gradients: Gradients, arena: Arena, context: StepContext
  ) throws {
    precondition(
      dy.columns == outputs && dx.columns == inputs && dy.rows == dx.rows, "\(name): shapes")
    try arena.scratch {
      var weight = FloatMatrix(
        UnsafeMutablePointer(mutating: parameters.weight), rows: outputs, columns: inputs)
      if recipe.q4ReadsQuantized { weight = try quantizedWeight(parameters, arena, context) }
      weight = try quantize(weight, .q4, arena, context)
      let dyq = try quantize(dy, .q3, arena, context)
      SimulatedProducts.inputGradient(dyq, weight, dx: dx)
    }
    try arena.scratch {
      let dyq = try quantize(dy, .q5, arena, context)
      let xq = try quantize(saved.input, .q6, arena, context)
      SimulatedProducts.weightGradient(
        dyq, xq, dw: FloatMatrix(gradients.weight, rows: outputs, columns: inputs))
    }
    addColumnSums(of: dy, to: gradients.bias, arena: arena)
  }

  private func quantizedWeight(
    _ parameters: Parameters, _ arena: Arena, _ context: StepContext
  ) throws -> FloatMatrix {
    let weight = FloatMatrix(
      UnsafeMutablePointer(mutating: parameters.weight), rows: outputs, columns: inputs)
    return try quantize(weight, .q2, arena, context, ema: parameters.weightEMA)
  }

  /// Q(x) in new memory, or in x itself; x where the quantizer is off.
  private func quantize(
    _ x: FloatMatrix, _ operand: Operand, _ arena: Arena, _ context: StepContext,
    ema: UnsafePointer<Float>? = nil, inPlace: Bool = false
  ) throws -> FloatMatrix {
    guard let quantizer = recipe[operand] else { return x }
    let out = inPlace ? x : arena.matrix(rows: x.rows, columns: x.columns)
    try fakeQuantize(
      x, ema: ema, into: out, axis: operand.axis, quantizer,
      random: context.random(operand, layer: index),
      tensor: "\(name): the \(operand.tensor) (\(operand.rawValue))")
    return out
  }
}
