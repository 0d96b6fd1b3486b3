import MXCompute
import MXFormats

/// Which operands of a linear layer are quantized, and how.
///
/// Y = Q1(X)·Q2(W)ᵀ + b, dX = Q3(dY)·Q4(·), dW = Q5(dY)ᵀ·Q6(·); a quantizer that is nil leaves its
/// operand in full precision, which is `unquantized`.
public struct LinearRecipe: Equatable, Sendable {
  /// The quantizers that are on.
  public var quantizers: [Operand: QuantizerRecipe]
  /// Whether Q4 reads Q2(W), as the double quantization of the paper does, or W.
  public var q4ReadsQuantized: Bool
  /// Whether Q6 reads Q1(X), or X.
  public var q6ReadsQuantized: Bool
  /// What products read of operands without a quantizer.
  public var unquantized: OperandPrecision
  /// The layers whose Q1 reads what the input is beside its moving average (`Linear.Parameters.inputMean`).
  public var meanSplit: Set<LayerKind> = []
  /// The products both of whose operands are rotated, along their contraction, before they are quantized
  /// (`QuantizerRecipe.rotation`); of these, those that have both quantizers.
  public var rotatedProducts: Set<LinearProduct> = []
  /// By what they are; signs of the forward product never change.
  public var rotation = QuantizerRecipe.Rotation()
  /// The blocks of a model, counted from 1, whose layers have no quantizers.
  public var exactBlocks: Set<Int> = []
  /// Whether some input channels are in a wider format; nil for none.
  public var outControl: OutControl?
  /// How layers that are quantized compute where they are `RotatedLinear` ones, which know none of the above; nil where they are not.
  public var rotated: RotatedLinear.Gradient?

  /// A recipe; an operand without a quantizer stays in full precision.
  public init(
    quantizers: [Operand: QuantizerRecipe] = [:], q4ReadsQuantized: Bool = false,
    q6ReadsQuantized: Bool = false, unquantized: OperandPrecision = .fp32
  ) {
    self.quantizers = quantizers
    self.q4ReadsQuantized = q4ReadsQuantized
    self.q6ReadsQuantized = q6ReadsQuantized
    self.unquantized = unquantized
  }

  /// The quantizer of an operand, nil where it is off.
  public subscript(operand: Operand) -> QuantizerRecipe? {
    get { quantizers[operand] }
    set { quantizers[operand] = newValue }
  }

  /// Whether both operands of a product are rotated.
  ///
  /// - Parameter product: one of a layer's three.
  public func rotates(_ product: LinearProduct) -> Bool {
    let (a, b) = product.operands
    return rotatedProducts.contains(product) && self[a] != nil && self[b] != nil
  }

  /// The quantizer of an operand as it computes, with the rotation of its product; nil where it is off.
  ///
  /// - Parameter operand: one of a layer's six.
  public func quantizer(of operand: Operand) -> QuantizerRecipe? {
    var quantizer = self[operand]
    guard rotates(operand.product) else { return quantizer }
    let isForward = operand.product == .y
    quantizer?.rotation = isForward ? .init(length: rotation.length) : rotation
    return quantizer
  }

  /// Everything in single precision.
  public static let fp32 = LinearRecipe()

  /// Every operand rounded to bfloat16, and sums in single precision: what mixed precision computes, which the paper calls full.
  public static let bf16 = LinearRecipe(unquantized: .bf16)

  /// The same without any quantizer: for layers that are never quantized.
  package var withoutQuantizers: LinearRecipe { LinearRecipe(unquantized: unquantized) }

  /// The OCP baseline: nearest rounding and the floor rule everywhere, each product quantizing its own
  /// full-precision operands.
  public static let microscaling = LinearRecipe(
    quantizers: Dictionary(
      uniqueKeysWithValues: Operand.allCases.map { ($0, QuantizerRecipe(scaleRule: .floor)) }))

  /// INT4 per tensor, without rotations or learnt steps: nearest rounding forward, one stochastic rounding of the gradient for
  /// both backward products, which read the forward pass's codes. What the paper compares with in its Table 2 has no public
  /// settings.
  public static let int4 = LinearRecipe(
    quantizers: Dictionary(
      uniqueKeysWithValues: Operand.allCases.map {
        let isGradient = $0 == .q3 || $0 == .q5
        return (
          $0, QuantizerRecipe(format: .int4, rounding: isGradient ? .stochastic : .nearestEven)
        )
      }), q4ReadsQuantized: true, q6ReadsQuantized: true)

  /// NVFP4 as NVIDIA (2025, arXiv:2509.25149) pretrains in it: scales to the nearest, squares of 16 × 16 weights that share them in both
  /// directions, stochastic rounding of the output gradient alone, and both operands of the weight gradient behind a Hadamard
  /// matrix of 16 with random signs, of X itself.
  public static let nvidiaNVFP4: LinearRecipe = {
    var recipe = LinearRecipe(q4ReadsQuantized: true, unquantized: .bf16)
    for operand in Operand.allCases {
      let isGradient = operand == .q3 || operand == .q5
      var quantizer = QuantizerRecipe(
        format: .nvfp4, scaleRule: .even, rounding: isGradient ? .stochastic : .nearestEven)
      quantizer.isSquare = operand == .q2 || operand == .q4
      recipe[operand] = quantizer
    }
    recipe.rotatedProducts = [.dw]
    recipe.rotation = .init(length: 16, hasRandomSigns: true)
    return recipe
  }()

  /// NVFP4 as TetraJet-v2 (Chen et al., 2025, arXiv:2510.27527) trains in it: double blocks, scales to the nearest, TetraJet's
  /// double quantization and unbiased gradients behind rotations of 16 with random signs, and a tenth of the channels in MXFP8.
  public static let tetrajetV2: LinearRecipe = {
    var recipe = LinearRecipe.tetrajet
    for operand in Operand.allCases {
      recipe.quantizers[operand]?.format = .nvfp4Runs
      recipe.quantizers[operand]?.scaleRule = .even
    }
    recipe.rotatedProducts = [.dx, .dw]
    recipe.rotation = .init(length: 16, hasRandomSigns: true)
    recipe.outControl = OutControl()
    recipe.unquantized = .bf16
    return recipe
  }()

  /// INT4 as Xi et al. (2023) have it.
  public static let rotatedINT4: LinearRecipe = {
    var recipe = LinearRecipe()
    recipe.rotated = .sampled
    return recipe
  }()

  /// The paper's method: truncation-free scales, nearest rounding forward, stochastic rounding of
  /// already quantized operands backward, which makes the gradient unbiased.
  public static let tetrajet = LinearRecipe(
    quantizers: [
      .q1: QuantizerRecipe(), .q2: QuantizerRecipe(),
      .q3: QuantizerRecipe(rounding: .stochastic), .q4: QuantizerRecipe(rounding: .stochastic),
      .q5: QuantizerRecipe(rounding: .stochastic), .q6: QuantizerRecipe(rounding: .stochastic),
    ],
    q4ReadsQuantized: true, q6ReadsQuantized: true)

  /// The same recipe with the gradient's quantizers Q3…Q6 rounding in another way; used to compare
  /// implementations without randomness.
  public func withBackwardRounding(_ rounding: Rounding) -> LinearRecipe {
    var copy = self
    for operand in [Operand.q3, .q4, .q5, .q6] { copy.quantizers[operand]?.rounding = rounding }
    return copy
  }

  /// The same forward pass, and the gradient of what it computes, straight through its quantizers: dX = dY·Q2(W) and
  /// dW = dYᵀ·Q1(X) (the paper's Eq. 8 and 9).
  public var straightThrough: LinearRecipe {
    var recipe = LinearRecipe(
      quantizers: quantizers.filter { [.q1, .q2].contains($0.key) }, q4ReadsQuantized: true,
      q6ReadsQuantized: true, unquantized: unquantized)
    (recipe.meanSplit, recipe.exactBlocks) = (meanSplit, exactBlocks)
    (recipe.rotatedProducts, recipe.rotation) = (rotatedProducts, rotation)
    recipe.outControl = outControl
    recipe.rotated = rotated.map { _ in .exact }
    return recipe
  }
}
