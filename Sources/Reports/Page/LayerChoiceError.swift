import Files

/// A layer that no run says anything of.
package struct LayerChoiceError: ReportableError {
  let name: String
  let known: [String]

  /// Usage: another name would do.
  package var category: ErrorCategory { .usage }

  /// One line.
  package var description: String {
    guard let first = known.first, let last = known.last else {
      return "no run says anything of single layers; train with statistics.layers=true"
    }
    let ending = known.filter { $0.hasSuffix(name.split(separator: ".").last ?? "") }
    let named = ending.isEmpty ? [first, last] : Array(ending.prefix(3))
    return "no run has a quantized layer '\(name)'; there are \(known.count), such as "
      + named.joined(separator: ", ")
  }
}
