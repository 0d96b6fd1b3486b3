import Files

/// What is wrong with a model's configuration.
package enum ModelError: ReportableError, Equatable {
  /// A preset that does not exist.
  case unknownPreset(String, known: [String])
  /// A size below 1.
  case tooSmall(key: String, value: Int)
  /// A size beyond all reason.
  case tooLarge(key: String, value: Int, limit: Int)
  /// Not grey and not RGB.
  case channels(Int)
  /// The patch does not divide the image.
  case patch(Int, imageSize: Int)
  /// The heads do not divide the width.
  case heads(Int, width: Int)
  /// Not as many heads as depths, or none at all.
  case stages(depths: [Int], heads: [Int])
  /// Not a probability.
  case dropPath(Float)
  /// Not a positive number.
  case normEpsilon(Float)
  /// A checkpoint of a model that this package does not have.
  case architecture(path: String, found: String?)

  /// A checkpoint is data, the rest is usage.
  package var category: ErrorCategory {
    if case .architecture = self { .badData } else { .usage }
  }

  /// One line.
  package var description: String { text() }

  /// The line, for somebody who calls the sizes by other names: `prefix` stands before each.
  package func text(prefix: String = "") -> String { oneLine(unchecked(prefix)) }

  private func unchecked(_ prefix: String) -> String {
    switch self {
    case .unknownPreset(let name, let known):
      "model '\(name)' is unknown; choose from \(known.joined(separator: ", "))"
    case .tooSmall(let key, let value): "\(prefix)\(key) is \(value); it must be at least 1"
    case .tooLarge(let key, let value, let limit):
      "\(prefix)\(key) is \(value); it must be at most \(limit)"
    case .channels(let found): "\(prefix)channels is \(found); it must be 1 (grey) or 3 (RGB)"
    case .patch(let patch, let imageSize):
      "\(prefix)patch_size \(patch) does not divide \(prefix)image_size \(imageSize); try "
        + Self.divisors(of: imageSize, near: patch)
    case .heads(let heads, let width):
      "\(prefix)heads \(heads) does not divide \(prefix)width \(width); try "
        + Self.divisors(of: width, near: heads)
    case .stages(let depths, let heads):
      "\(prefix)stage_depths is \(depths) and \(prefix)stage_heads is \(heads); give as many heads as depths, "
        + "one to eight, each from 1 to 1024, as in [2, 2, 6, 2] and [3, 6, 12, 24]"
    case .dropPath(let found): "\(prefix)drop_path is \(found); it must be at least 0 and below 1"
    case .normEpsilon(let found): "\(prefix)norm_epsilon is \(found); it must be positive"
    case .architecture(let path, let found):
      "\(path): the checkpoint's architecture is \(found.map { "'\($0)'" } ?? "not named"); "
        + "known are \(Architecture.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", "))"
    }
  }

  /// The divisors on both sides of a number, for advice.
  private static func divisors(of number: Int, near value: Int) -> String {
    let divisors = (1...number).filter(number.isMultiple(of:))
    let near = [divisors.last { $0 < value }, divisors.first { $0 > value }].compactMap { $0 }
    return near.map(String.init).joined(separator: " or ")
  }
}
