import ImageData
import Runtime

extension DatasetSurvey {
  /// The survey as one JSON object.
  var json: String {
    var object = JSONLine()
    object.add("source", source)
    object.add("class_names", classNames)
    object.add("train", train.json)
    object.add("test", test.json)
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
    return object
  }
}
