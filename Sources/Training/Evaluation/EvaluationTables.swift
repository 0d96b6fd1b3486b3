/// Details of an evaluation as tables of comma-separated values (RFC 4180), for spreadsheets and pandas.
extension EvaluationDetails {
  /// A row a class: images, hits, how often it was predicted, top-1 in percent, mean loss, and what it is most often taken
  /// for.
  package func writeClasses(_ write: (String) throws -> Void) throws {
    try write(
      row("class", "images", "hits", "predictions", "top1", "loss", "taken_for", "taken_for_images")
    )
    let mistaken = mostFrequentMistakes
    for (label, score) in classes.enumerated() {
      let mistake = mistaken[label]
      try write(
        row(
          score.name, "\(score.images)", "\(score.hits)", "\(score.predictions)",
          score.top1.map { "\($0)" } ?? "", score.meanLoss.map { "\($0)" } ?? "",
          mistake.map { classNames[$0.predicted] } ?? "", mistake.map { "\($0.images)" } ?? ""))
    }
  }

  /// The confusion matrix: a row a class of the images, a column a class of the model's answers, counts.
  package func writeConfusion(_ write: (String) throws -> Void) throws {
    try write(Self.row(["class"] + classNames))
    let byLabel = Dictionary(grouping: confusions, by: \.label)
    for (label, score) in classes.enumerated() {
      var counts = [Int](repeating: 0, count: classNames.count)
      counts[label] = score.hits
      for confusion in byLabel[label] ?? [] { counts[confusion.predicted] = confusion.images }
      try write(Self.row([score.name] + counts.map(String.init)))
    }
  }

  /// A row an image, in the order of the data set.
  package func writePredictions(_ write: (String) throws -> Void) throws {
    try write(row("image", "class", "predicted", "probability", "class_probability", "loss"))
    for image in images {
      try write(
        row(
          name(image), className(image.label), className(image.predicted), "\(image.probability)",
          "\(image.labelProbability)", "\(image.loss)"))
    }
  }

  /// What each class is most often taken for, by label; nothing for those that never are.
  package var mostFrequentMistakes: [Int: Confusion] {
    Dictionary(confusions.map { ($0.label, $0) }) { first, _ in first }
  }

  private func row(_ cells: String...) -> String { Self.row(cells) }

  private static func row(_ cells: [String]) -> String {
    cells.map { cell in
      cell.contains { "\",\r\n".contains($0) || $0 == "\r\n" }
        ? "\"" + cell.replacing("\"", with: "\"\"") + "\"" : cell
    }.joined(separator: ",") + "\n"
  }
}
