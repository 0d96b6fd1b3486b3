import MXFormats
import MXRuntime

/// The paths of single weights over the steps of a window (the paper's Figure 3).
///
/// Some weights spread evenly over the model are watched; those among them whose code flips most are kept. A change of
/// their group's scale moves codes and values, too, and is none of their own doing: it does not count.
package final class Trajectories {
  /// One weight's path; a number a step.
  package struct Path: Sendable {
    /// The tensor, and the place in it.
    package let name: String
    /// C and D.
    package let row, column: Int
    /// w, and w_Q.
    package internal(set) var latent: [Float] = [], quantized: [Float] = []
    /// The code.
    package internal(set) var code: [Int] = []
    /// s of the scale S = 2^s; nothing where scales are no powers of two.
    package internal(set) var scaleExponent: [Int] = []
    /// Else S, with the outer scale in it, and the scale's byte.
    package internal(set) var scale: [Float] = [], scaleByte: [Int] = []

    /// How often the code flips; both zeros are one code.
    package var codeFlips: Int {
      let states = zip(code, quantized).map { $1 == 0 ? 0 : $0 }
      return Oscillation.codeFlips(states, scales: scale.isEmpty ? scaleExponent : scaleByte)
    }
  }

  private let window: MovementWindow
  private let locations: [WeightQuantizer.Location]
  /// What was seen so far: step by step and weight by weight, w, w_Q, the scale's exponent and the code; or, where scales are no
  /// powers of two, w, w_Q, S, the code and the scale's byte. NaN where w_Q was no number.
  package private(set) var record: [Float]

  /// Watches up to `candidates` weights of a window.
  ///
  /// - Parameter record: of a window that goes on.
  package init(_ window: MovementWindow, candidates: Int = 1024, continuing record: [Float] = []) {
    self.window = window
    self.record = record
    let count = window.quantizer.weightCount
    let watched = min(candidates, count)
    locations = (0..<watched).map { window.quantizer.location($0 * count / watched) }
  }

  /// How many numbers a step adds to the record.
  package var numbersAStep: Int { width * locations.count }
  /// Of them of one weight.
  private var width: Int { window.currentUnits == nil ? 4 : 5 }

  /// Takes the weights of now into account, once the window has.
  package func add(_ weights: AlignedBuffer<Float>) {
    let elements = window.quantizer.recipe.format.elements
    let weights = window.latent(weights)
    for location in locations {
      let (latent, value) = (weights[location.place], window.quantized[location.place])
      let byte = window.currentScales[location.scale]
      func code(_ scaled: Float) -> Float {
        let magnitude = elements.magnitudeCode(of: scaled, .nearestEven)
        return Float(magnitude + (value.sign == .minus ? elements.signBit : 0))
      }
      if let unit = window.currentUnits?[location.scale] {
        let scaled = unit == 0 ? 0 : value.magnitude / unit
        record +=
          value.isFinite && !unit.isNaN
          ? [latent, value, unit, code(scaled), Float(byte)] : Self.nothing(width)
      } else {
        let scale = E8M0(byte: byte)
        record +=
          value.isFinite && !scale.isNaN
          ? [latent, value, Float(scale.exponent), code(value.magnitude * scale.reciprocal)]
          : Self.nothing(width)
      }
    }
  }

  private static func nothing(_ count: Int) -> [Float] { [Float](repeating: .nan, count: count) }

  /// The paths of all that are watched.
  private var paths: [Path] {
    locations.enumerated().map { index, location in
      var path = Path(name: location.name, row: location.row, column: location.column)
      for start in stride(from: width * index, to: record.count, by: numbersAStep)
      where !record[start].isNaN {
        path.latent.append(record[start])
        path.quantized.append(record[start + 1])
        path.code.append(Int(record[start + 3]))
        if width == 4 {
          path.scaleExponent.append(Int(record[start + 2]))
        } else {
          path.scale.append(record[start + 2])
          path.scaleByte.append(Int(record[start + 4]))
        }
      }
      return path
    }
  }

  /// The `count` paths with the most flips of the code; of equal ones the first.
  package func liveliest(_ count: Int) -> [Path] {
    let paths = paths
    let ranked = paths.enumerated().map { (flips: $1.codeFlips, offset: $0) }
      .sorted { ($1.flips, $0.offset) < ($0.flips, $1.offset) }
    return ranked.prefix(count).map { paths[$0.offset] }
  }
}

/// At how many steps a weight's code is not that of the step before, though the scale is.
package func codeFlips(_ codes: [some Equatable], scales: [Int]) -> Int {
  zip(codes.indices, codes.indices.dropFirst()).count { before, now in
    codes[before] != codes[now] && scales[before] == scales[now]
  }
}
