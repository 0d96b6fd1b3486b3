import Files

/// A file that cannot be quantized as it is asked for.
package enum QuantizationError: ReportableError, Equatable {
  /// The file has a tensor of the name that the codes of another one would get.
  case nameTaken(String, tensor: String)
  /// The file's 4-bit tensors were made in another way than is asked for now.
  case otherwise(String, format: String, scale: String, axis: String)
  /// The file was trained in a format that no file holds.
  case untold(String, format: String)
  /// The format has no such scales.
  case rule(String, format: String, rule: String, known: [String])
  /// The file's layers rotate their weights before they quantize them.
  case rotated(String, by: String)

  /// Some of the channels of the file's layers are in a wider format.
  case mixed(String, format: String)

  /// The error that names how the file's own 4-bit tensors were made.
  static func otherwise(_ path: String, _ stored: StoredQuantization) -> QuantizationError {
    .otherwise(
      path, format: stored.recipe.format.rawValue, scale: stored.recipe.scaleRule.rawValue,
      axis: stored.axis.rawValue)
  }

  /// Bad data.
  package var category: ErrorCategory { .badData }

  /// One line.
  package var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .nameTaken(let path, let tensor):
      "\(path): has a tensor '\(tensor)', which is the name that another one would get when quantized; rename one"
    case .otherwise(let path, let format, let scale, let axis):
      "\(path): is quantized already (\(format), \(scale) scales, along \(axis)); quantize the file that it was made "
        + "from, or leave the options out"
    case .rotated(let path, let cause):
      "\(path): was trained on rotated weights (\(cause)): 4-bit codes of its weights would be another model; train it "
        + "without"
    case .mixed(let path, let format):
      "\(path): was trained with a share of its channels in \(format) (outcontrol.share): 4-bit codes of all weights would be "
        + "another model; train it without"
    case .rule(let path, let format, let rule, let known):
      "\(path): \(format) has no \(rule) scales, by which it was trained or which were asked for; name others: --scale "
        + known.joined(separator: " or --scale ")
    case .untold(let path, let format):
      "\(path): was trained in \(format), of which files hold no codes; --format mxfp4 makes MXFP4 of it"
    }
  }
}
