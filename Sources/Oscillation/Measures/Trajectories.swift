import MXFormats
import MXRuntime

/// The paths of single weights over the steps of a window (the paper's Figure 3).
///
/// Some weights spread evenly over the model are watched; those among them whose 4-bit code flips most are kept. A change of
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
    /// s of the scale S = 2^s, and the code 0…15.
    package internal(set) var scaleExponent: [Int] = [], code: [Int] = []

    /// How often the code flips; both zeros are one code.
    package var codeFlips: Int {
      Oscillation.codeFlips(code.map { $0 == 8 ? 0 : $0 }, scaleExponents: scaleExponent)
    }
  }

  private let window: MovementWindow
  private let locations: [WeightQuantizer.Location]
  /// What was seen so far: step by step and weight by weight, w, w_Q, the scale's exponent and the code; NaN where w_Q was no number.
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
  package var numbersAStep: Int { 4 * locations.count }

  /// Takes the weights of now into account, once the window has.
  package func add(_ weights: AlignedBuffer<Float>) {
    let elements = window.quantizer.recipe.format.elements
    let weights = window.latent(weights)
    for location in locations {
      let value = window.quantized[location.place]
      let scale = E8M0(byte: window.currentScales[location.scale])
      guard value.isFinite, !scale.isNaN else {
        record += repeatElement(.nan, count: 4)
        continue
      }
      let magnitude = elements.magnitudeCode(of: value.magnitude * scale.reciprocal, .nearestEven)
      let code = magnitude + (value.sign == .minus ? elements.signBit : 0)
      record += [weights[location.place], value, Float(scale.exponent), Float(code)]
    }
  }

  /// The paths of all that are watched.
  private var paths: [Path] {
    locations.enumerated().map { index, location in
      var path = Path(name: location.name, row: location.row, column: location.column)
      for start in stride(from: 4 * index, to: record.count, by: numbersAStep)
      where !record[start].isNaN {
        path.latent.append(record[start])
        path.quantized.append(record[start + 1])
        path.scaleExponent.append(Int(record[start + 2]))
        path.code.append(Int(record[start + 3]))
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
package func codeFlips(_ codes: [some Equatable], scaleExponents: [Int]) -> Int {
  zip(codes.indices, codes.indices.dropFirst()).count { before, now in
    codes[before] != codes[now] && scaleExponents[before] == scaleExponents[now]
  }
}
