import ImageData
import Reports
import Runtime

extension DatasetSurvey {
  /// The survey as people read it.
  var text: String {
    let sides = [train, test]
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
    let parts = [source, "", table(["", "train", "test"], rows)] + brokenLines + optionLines
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
    [("train", train), ("test", test)].flatMap { name, side in
      if side.brokenCount == 0 { return [String]() }
      let more = side.brokenCount - side.broken.count
      return ["\nbroken in \(name):"] + side.broken.map { "  \($0)" }
        + (more > 0 ? ["  and \(more) more (--list \(side.brokenCount) names all)"] : [])
    }
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
