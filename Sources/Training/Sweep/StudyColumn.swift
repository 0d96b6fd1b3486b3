import Files

/// A number of runs that a table of a study can have a column for; the names are those of metrics and summaries.
package enum StudyColumn: String, CaseIterable, Sendable {
  case top1 = "eval_top1"
  case top5 = "eval_top5"
  case testLoss = "eval_loss"
  case trainLoss = "train_loss"
  case weightRate = "rate_of_change_weight"
  case quantizedWeightRate = "rate_of_change_quantized_weight"
  case outputRate = "rate_of_change_output"
  case fullInputOutputRate = "rate_of_change_output_full_inputs"
  case inputFlips = "input_flip_share"
  case oscillatingShare = "oscillating_share"
  case imagesPerSecond = "images_per_second"
  case peakMemory = "peak_memory_mb"

  /// What a table shows that is not told otherwise: speed and memory are of the machine, and another time other ones.
  package static let usual: [StudyColumn] = [
    .top1, .testLoss, .trainLoss, .quantizedWeightRate, .outputRate, .oscillatingShare,
  ]

  /// The column of a name.
  ///
  /// - Throws: where there is none.
  package init(named name: String) throws(NameError) {
    guard let column = StudyColumn(rawValue: name) else { throw NameError(name: name) }
    self = column
  }

  /// No column has a name.
  package struct NameError: Error, CustomStringConvertible {
    let name: String

    /// Which one, and what was perhaps meant.
    package var description: String {
      let names = StudyColumn.allCases.map(\.rawValue)
      return "no column is called '\(name)'; "
        + (nearestName(to: name, among: names).map { "did you mean '\($0)'?" }
          ?? "there are \(names.joined(separator: ", "))")
    }
  }
}
