import Files
import Reports
import Training

/// Writes predictions to standard output, image by image as they come.
struct PredictionWriter {
  /// How many classes of an image are written.
  let top: Int
  private let format: PredictCommand.Format
  private let isList: Bool
  /// Characters of the longest name of a file, and of a class.
  private let width, classWidth: Int

  init(_ format: PredictCommand.Format, files: [String], classNames: [String], top: Int?) {
    self.format = format
    isList = format == .table && files.count == 1
    self.top = top ?? (format == .table && !isList ? 1 : 5)
    width = max(5, files.map(\.displayWidth).max() ?? 0)
    classWidth = max(8, classNames.map(\.displayWidth).max() ?? 0)
  }

  /// Writes what stands over the predictions.
  func begin() throws {
    switch format {
    case .csv: try printLine("image,rank,label,name,probability")
    case .table where !isList:
      let heads = ["class"] + (2...max(2, top)).prefix(top - 1).map { "class \($0)" }
      let columns = heads.map { padded($0, classWidth) + "  " + "       %" }
      try printLine(([padded("image", width)] + columns).joined(separator: "  "))
    default: break
    }
  }

  /// Writes the predictions of an image.
  func write(_ predictions: [Prediction], of image: String) throws {
    switch format {
    case .json: try printLine(line(predictions, of: image).text)
    case .csv:
      for (rank, prediction) in predictions.enumerated() {
        let cells = [
          image, "\(rank + 1)", "\(prediction.label)", prediction.name, "\(prediction.probability)",
        ]
        try printLine(cells.map(Self.cell).joined(separator: ","))
      }
    case .table where isList:
      try printLine(image)
      let width = predictions.map(\.name.displayWidth).max() ?? 0
      for prediction in predictions {
        try printLine("  \(padded(prediction.name, width))  \(Self.percent(prediction)) %")
      }
    case .table:
      let cells = predictions.map { prediction in
        let percent = Self.percent(prediction)
        return padded(prediction.name, classWidth) + "  "
          + String(repeating: " ", count: max(0, 8 - percent.count)) + percent
      }
      try printLine(([padded(image, width)] + cells).joined(separator: "  "))
    }
  }

  private static func percent(_ prediction: Prediction) -> String {
    fixed(100 * prediction.probability, 2)
  }

  /// A cell as RFC 4180 has it.
  private static func cell(_ text: String) -> String {
    guard text.contains(where: { ",\"\n\r".contains($0) || $0 == "\r\n" }) else { return text }
    return "\"" + text.replacing("\"", with: "\"\"") + "\""
  }

  private func line(_ predictions: [Prediction], of image: String) -> JSONLine {
    var line = JSONLine()
    line.add("image", image)
    line.add(
      "predictions",
      predictions.map { prediction in
        var object = JSONLine()
        object.add("label", prediction.label)
        object.add("name", prediction.name)
        object.add("probability", prediction.probability)
        return object
      })
    return line
  }
}
