import ImageData
import Reports
import Training

extension DatasetSurvey {
  /// The survey as people read it.
  ///
  /// - Parameter problem: why nothing can be trained on it.
  func text(problem: String? = nil) -> String {
    let sides = sides.map(\.survey)
    var rows = [["images"] + sides.map { "\($0.count)" }]
    if sides.contains(where: { $0.surveyed < $0.count }) {
      rows.append(["looked at"] + sides.map { "\($0.surveyed)" })
    }
    rows.append(["classes"] + sides.map { "\($0.classCounts.count { $0 > 0 })" })
    for (name, part) in [
      ("smallest class", \ClassBalance.smallest), ("median class", \.median),
      ("largest class", \.largest),
    ] {
      rows.append([name] + sides.map { className(ClassBalance($0.classCounts)?[keyPath: part]) })
    }
    for format in ImageFormat.allCases where sides.contains(where: { $0.formats[format] != nil }) {
      rows.append([format.rawValue] + sides.map { "\($0.formats[format] ?? 0)" })
    }
    if sides.contains(where: { $0.bare > 0 }) {
      rows.append(["bare pixels"] + sides.map { "\($0.bare)" })
    }
    rows += [
      ["colour"] + sides.map { "\($0.coloured)" },
      ["grey"] + sides.map { "\($0.grey)" },
      ["broken"] + sides.map { "\($0.brokenCount)" },
      ["width (min, median, max)"] + sides.map { spread($0.widths) },
      ["height (min, median, max)"] + sides.map { spread($0.heights) },
    ]
    if sides.contains(where: { $0.fileBytes > 0 }) {
      rows.append(["MiB of files"] + sides.map { fixed(Double($0.fileBytes) / 1_048_576, 1) })
    }
    rows += [
      ["mean"] + sides.map { numbers($0.statistics?.mean) },
      ["standard deviation"] + sides.map { numbers($0.statistics?.standardDeviation) },
    ]
    var parts = [source, "", table([""] + self.sides.map(\.name), rows)]
    parts += notes.map { "\n\($0)" } + brokenLines + passedOverLines + equalLines
    parts += problem.map { ["\nnot to be trained on as it is: \($0)"] } ?? adviceLines + optionLines
    return parts.joined(separator: "\n")
  }

  private func className(_ entry: ClassBalance.Entry?) -> String {
    entry.map { "\(classNames[$0.label]): \($0.count)" } ?? "-"
  }

  private func spread(_ values: Spread) -> String {
    values.summary.map { "\($0.minimum), \($0.median), \($0.maximum)" } ?? "-"
  }

  private func numbers(_ values: [Double]?) -> String {
    values.map { $0.map { fixed($0, 4) }.joined(separator: ", ") } ?? "-"
  }

  private var brokenLines: [String] {
    sides.flatMap { name, side in
      if side.brokenCount == 0 { return [String]() }
      let more = side.brokenCount - side.broken.count
      return ["\nbroken in \(name):"] + side.broken.map { "  \($0)" }
        + (more > 0 ? ["  and \(more) more (--list \(side.brokenCount) names all)"] : [])
    }
  }

  private var passedOverLines: [String] {
    sides.flatMap { name, side in
      let files = side.passedOver
      if files.count == 0 { return [String]() }
      let more = files.count - files.names.count
      return [
        "\npassed over in \(name), no images to be read here: \(files.count) (\(files.summary))"
      ]
        + files.names.map { "  \($0)" } + (more > 0 ? ["  and \(more) more"] : [])
    }
  }

  /// Names first, because a long path leaves no room behind it.
  private var equalLines: [String] {
    func lines(_ count: Int, _ text: String, _ pairs: [EqualFiles.Pair]) -> [String] {
      if count == 0 { return [] }
      let more = count - pairs.count
      return ["\n\(text): \(count)"] + pairs.map { "  \($0.second)\n    equals \($0.first)" }
        + (more > 0 ? ["  and \(more) more"] : [])
    }
    let equal = equalFiles
    var result = lines(
      equal.acrossSides, "test images that are trained on, byte by byte", equal.acrossPairs)
    result += lines(equal.withinSide, "images that are there twice", equal.withinPairs)
    if equal.otherClass > 0 { result.append("of these in another class: \(equal.otherClass)") }
    return result
  }

  private var adviceLines: [String] {
    guard train.bare == 0, let side = train.shorterSides.summary?.median else { return [] }
    let lines = ModelAdvice.lines(for: .init(shorterSide: side, count: train.count))
    return ["\n\(lines[0])"] + lines.dropFirst()
  }

  /// In quotes, because some shells take brackets for patterns.
  private var optionLines: [String] {
    guard let statistics = train.statistics else { return [] }
    let channels = statistics.mean.count == 1 ? "--set model.channels=1 " : ""
    return [
      "\nfor 'tetrajet train', of the training images:",
      "  \(channels)--set 'data.mean=[\(numbers(statistics.mean))]' "
        + "--set 'data.standard_deviation=[\(numbers(statistics.standardDeviation))]'",
    ]
  }
}
