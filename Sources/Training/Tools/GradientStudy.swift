import Files
import Foundation

/// How gradients of a run's weights lie to the exact ones, method by method: `gradients.json` in its folder.
package struct GradientStudy: Sendable, Decodable {
  /// The gradients of one method.
  package struct Entry: Sendable, Decodable {
    /// The method, and the quantizers that are not its own.
    package let label: String
    /// Of how many images.
    package let images: Int
    /// Tensor by tensor, and at the end of all.
    package let tensors: [Curve]
  }

  /// The means of one tensor's gradients.
  package struct Curve: Sendable, Decodable {
    /// The tensor's name.
    package let tensor: String
    /// The relative standard deviation of one draw; nil where the exact gradient is zero.
    package let deviation: Double?
    /// How many draws each mean is of, and how far it lies from the exact gradient, by whose norm.
    package let draws: [Int]
    package let errors: [Double?]
    /// Whether the last one lies farther off than noise makes likely.
    package let outside_noise: Bool
  }

  /// In the order in which they were first asked for.
  package private(set) var methods: [Entry] = []

  /// What a run's folder has; nothing where it has none, or one that nobody can read.
  init(inRun path: String) {
    self.methods = (try? GradientStudy(path: RunDirectory(reading: path).gradients))?.methods ?? []
  }

  /// Reads a file.
  ///
  /// - Throws: `FileError`, `JSONFileError`.
  package init(path: String) throws { self = try readJSON(path, limit: 1 << 26) }

  /// Takes the gradients of a method in, in place of earlier ones.
  mutating func add(_ comparisons: [GradientBias], label: String, images: Int) {
    let entry = Entry(
      label: label, images: images,
      tensors: comparisons.map {
        Curve(
          tensor: $0.tensor, deviation: $0.deviation, draws: $0.means.map(\.draws),
          errors: $0.means.map(\.error), outside_noise: $0.isOutsideNoise)
      })
    if let place = methods.firstIndex(where: { $0.label == label }) {
      methods[place] = entry
    } else {
      methods.append(entry)
    }
  }

  /// Writes the file.
  ///
  /// - Throws: `FileError`.
  func write(inRun path: String) throws {
    var line = JSONLine()
    line.add("methods", methods.map(\.line))
    try writeFileAtomically(RunDirectory(reading: path).gradients, text: line.text + "\n")
  }
}

extension GradientStudy.Entry {
  fileprivate var line: JSONLine {
    var line = JSONLine()
    line.add("label", label)
    line.add("images", images)
    line.add(
      "tensors",
      tensors.map { curve in
        var line = JSONLine()
        line.add("tensor", curve.tensor)
        line.add("deviation", curve.deviation ?? .nan)
        line.add("draws", curve.draws)
        line.add("errors", curve.errors.map { $0 ?? .nan })
        line.add("outside_noise", curve.outside_noise)
        return line
      })
    return line
  }
}
