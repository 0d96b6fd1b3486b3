import MXFormats
import MXRuntime

/// How one of the six operands of a linear layer is quantized.
public struct QuantizerRecipe: Equatable, Sendable {
  /// The format of elements, groups and scales.
  public var format: BlockFormat
  /// How scales are chosen.
  public var scaleRule: ScaleRule
  /// How elements are rounded.
  public var rounding: Rounding
  /// What whole groups are rotated by before they are quantized; nil where they are not.
  public var rotation: Rotation?
  /// Whether squares of elements share scales (`Quantizer.isSquare`), in formats with groups of 16.
  public var isSquare = false
  /// Whether groups of NVFP4 may have a scale that makes their largest magnitude 4 (`Quantizer.triesFour`).
  public var triesFour = false

  /// Groups of neighbours times Sylvester's Hadamard matrix over the root of their number; a last group that is shorter stays as it
  /// is. A product of two operands that are both rotated is that of those that are not, but for what the quantizers lose.
  public struct Rotation: Equatable, Sendable {
    /// Neighbouring elements that a group has, and rows and columns of the matrix that it is multiplied with: 16 (NVIDIA's recipe,
    /// arXiv:2509.25149) or 32, which is a group of MX.
    public let length: Int
    /// Whether elements change their signs first, at random but alike in every group of both operands of a product.
    public var hasRandomSigns: Bool

    /// By default of 32 elements, whose signs stay.
    public init(length: Int = 32, hasRandomSigns: Bool = false) {
      precondition(length == 16 || length == 32, "rotations of \(length)")
      (self.length, self.hasRandomSigns) = (length, hasRandomSigns)
    }

    /// The signs that change, a bit each.
    func signs(_ random: RandomStream) -> UInt32 { hasRandomSigns ? random.signs : 0 }
  }

  /// Whether it can read a matrix part by part, once the outer scale is known.
  var readsParts: Bool { readsWhole && format.outerScale != .runs }

  /// Whether it can read a matrix as it is, whose runs are known.
  var readsWhole: Bool { !isSquare && rotatesWhileReading != nil }

  /// Whether it rotates what it reads while it reads that, which is how groups of 32 are rotated whose scales do not depend on
  /// others; nil where a matrix must be rotated before.
  var rotatesWhileReading: Bool? {
    guard let rotation else { return false }
    return rotation == Rotation() && format.outerScale == .none ? true : nil
  }

  /// By default the forward quantizer of TetraJet.
  public init(
    format: BlockFormat = .mxfp4, scaleRule: ScaleRule = .truncationFree,
    rounding: Rounding = .nearestEven
  ) {
    self.format = format
    self.scaleRule = scaleRule
    self.rounding = rounding
  }
}
