import Files
import ImageData
import Training

extension DatasetSurvey {
  /// The survey as one JSON object.
  ///
  /// - Parameter problem: why nothing can be trained on it.
  func json(problem: String? = nil) -> String {
    var object = JSONLine()
    object.add("source", source)
    if let problem { object.add("problem", problem) }
    object.add("class_names", classNames)
    for (name, side) in sides { object.add(name, side.json) }
    object.add("notes", notes)
    object.add("equal_across_sides", equalFiles.acrossSides)
    object.add("equal_within_side", equalFiles.withinSide)
    object.add("equal_in_other_class", equalFiles.otherClass)
    func pairs(_ pairs: [EqualFiles.Pair]) -> [JSONLine] {
      pairs.map { pair in
        var line = JSONLine()
        line.add("first", pair.first)
        line.add("second", pair.second)
        return line
      }
    }
    object.add(
      "equal_images", pairs(equalFiles.acrossPairs) + pairs(equalFiles.withinPairs))
    if problem == nil, train.bare == 0, let side = train.shorterSides.summary?.median {
      object.add(
        "suiting_settings", ModelAdvice.settings(for: .init(shorterSide: side, count: train.count)))
    }
    return object.text
  }
}

extension SideSurvey {
  /// The side as a JSON object; what no image tells is left out.
  fileprivate var json: JSONLine {
    var object = JSONLine()
    object.add("images", count)
    object.add("surveyed", surveyed)
    object.add("class_counts", classCounts)
    var formats = JSONLine()
    for format in ImageFormat.allCases {
      if let count = self.formats[format] { formats.add(format.rawValue, count) }
    }
    if bare > 0 { formats.add("pixels", bare) }
    object.add("formats", formats)
    object.add("file_bytes", fileBytes)
    object.add("colour", coloured)
    object.add("grey", grey)
    for (name, values) in [("width", widths), ("height", heights)] {
      guard let summary = values.summary else { continue }
      object.add(name, [summary.minimum, summary.median, summary.maximum])
    }
    if let statistics {
      object.add("mean", statistics.mean)
      object.add("standard_deviation", statistics.standardDeviation)
    }
    object.add("broken", brokenCount)
    object.add(
      "broken_images",
      broken.map { image in
        var line = JSONLine()
        line.add("name", image.name)
        line.add("reason", image.reason)
        return line
      })
    object.add("passed_over", passedOver.count)
    var kinds = JSONLine()
    for (kind, count) in passedOver.kinds.sorted(by: { $0.key < $1.key }) { kinds.add(kind, count) }
    object.add("passed_over_kinds", kinds)
    object.add("passed_over_files", passedOver.names)
    return object
  }
}
