import Files
import ImageData

extension ImageDatasets {
  /// What is to be said of a data set before a training, a line each.
  var startLines: [String] {
    notes
      + [("train", passedOver.train), ("test", passedOver.test)].compactMap { side, files in
        passedOverLine(files, of: side).map { "\($0); 'tetrajet data' names them" }
      }
  }
}

extension LabelledImages {
  /// What is to be said of the images before an evaluation, a line each.
  ///
  /// - Parameter path: where they are.
  func lines(path: String) -> [String] {
    notes + [passedOverLine(passedOver, of: path)].compactMap(\.self)
  }
}

/// Files that are not taken for images, in a line; nil where there are none.
private func passedOverLine(_ files: PassedOver, of place: String) -> String? {
  guard files.count > 0 else { return nil }
  let number = counted(files.count, "file that is no image", "files that are no images")
  return "passed over in \(place): \(number) to be read here (\(files.summary))"
}
