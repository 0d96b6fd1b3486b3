import MXFormats
import Runtime

/// The paths of single weights over the steps of a window (the paper's Figure 3).
///
/// Some weights spread evenly over the model are watched; those among them whose quantized value changes most are kept.
public final class Trajectories {
  /// One weight's path; a number a step.
  public struct Path: Sendable {
    /// The tensor, and the place in it.
    public let name: String
    /// C and D.
    public let row, column: Int
    /// w, and w_Q.
    public internal(set) var latent: [Float] = [], quantized: [Float] = []
    /// s of the scale S = 2^s, and the code 0…15.
    public internal(set) var scaleExponent: [Int] = [], code: [Int] = []

    var flips: Int { zip(quantized, quantized.dropFirst()).count { $0 != $1 } }
  }

  private let window: MovementWindow
  private let locations: [WeightQuantizer.Location]
  private var paths: [Path]

  /// Watches up to `candidates` weights of a window.
  public init(_ window: MovementWindow, candidates: Int = 1024) {
    self.window = window
    let count = window.quantizer.weightCount
    let watched = min(candidates, count)
    locations = (0..<watched).map { window.quantizer.location($0 * count / watched) }
    paths = locations.map { Path(name: $0.name, row: $0.row, column: $0.column) }
  }

  /// Takes the weights of now into account, once the window has.
  public func add(_ weights: AlignedBuffer<Float>) {
    let format = window.quantizer.recipe.format
    for (index, location) in locations.enumerated() {
      let value = window.quantized.base[location.place]
      let scale = E8M0(byte: window.currentScales.base[location.scale])
      guard value.isFinite, !scale.isNaN else { continue }
      let magnitude = format.magnitudeCode(of: value.magnitude * scale.reciprocal, .nearestEven)
      paths[index].latent.append(weights.base[location.place])
      paths[index].quantized.append(value)
      paths[index].scaleExponent.append(scale.exponent)
      paths[index].code.append(Int(magnitude) + (value.sign == .minus ? 8 : 0))
    }
  }

  /// The `count` paths with the most changes of the quantized value; of equal ones the first.
  public func liveliest(_ count: Int) -> [Path] {
    Array(
      paths.enumerated().sorted { ($1.element.flips, $0.offset) < ($0.element.flips, $1.offset) }
        .prefix(count).map(\.element))
  }
}
