import MXCompute
import MXFormats
import MXRuntime

/// Some input channels of every quantized layer in a wider format than the others: those whose inputs were largest in a count of
/// some steps, for the rest of the training and in the model that it leaves (Chen et al., "TetraJet-v2", arXiv:2510.27527).
///
/// With channels n in the recipe's formats and w in the wide one, and Qw its quantizer, always to the nearest,
/// Y = Q1(X_n)·Q2(W_n)ᵀ + Qw(X_w)·Qw(W_w)ᵀ + b; dX = Q3(dY)·Q4(W̃), of what the forward pass read of both; dW_n = Q5(dY)ᵀ·Q6(·)
/// and dW_w = Qw(dY)ᵀ·Qw(Qw(X_w)). Channels keep their order, and form groups with their own kind.
public struct OutControl: Equatable, Sendable {
  /// The share of a layer's input channels that are wide; of D channels those are D·share, rounded.
  public var share: Double
  /// What they are quantized to, under truncation-free scales.
  public var format: BlockFormat
  /// Where in the training the layer is.
  package var phase = Phase.chosen

  /// What layers do about it.
  package enum Phase: Sendable {
    /// Nothing yet.
    case waiting
    /// They count how large their inputs are.
    case counting
    /// They read chosen channels in the wide format.
    case chosen
  }

  /// By default a tenth of the channels, in MXFP8.
  ///
  /// - Parameters:
  ///   - share: of a layer's input channels, 0 … 1.
  ///   - format: one with powers of two as scales.
  public init(share: Double = 0.1, format: BlockFormat = .mxe4m3) {
    (self.share, self.format) = (share, format)
  }

  /// Of so many channels, how many are wide.
  package func count(of channels: Int) -> Int { Int((share * Double(channels)).rounded()) }

  /// Qw.
  var quantizer: QuantizerRecipe { QuantizerRecipe(format: format) }

  /// Marks the channels of the largest numbers, of equal ones the first.
  ///
  /// - Parameter channels: [1, D]: minus the sum of what was counted of each; becomes 1 for those that are chosen, and 0 for others.
  package func choose(_ channels: FloatMatrix) {
    let sizes = channels.elements
    let order = sizes.indices.sorted { (sizes[$0], $0) < (sizes[$1], $1) }
    for (place, channel) in order.enumerated() {
      sizes[channel] = place < count(of: sizes.count) ? 1 : 0
    }
  }
}
