/// Which of the folders or archives that are called like a side to test with is one.
enum TestSide {
  /// The first of the candidates that holds labelled images, with what is to be said of the others. ImageNet and
  /// Kaggle give test images without labels, in test/ beside val/.
  ///
  /// - Parameters:
  ///   - candidates: their names, the one to be preferred first.
  ///   - index: the list of classes, where there is one.
  ///   - path: the data set's.
  ///   - open: reads a candidate whose labels follow an index.
  /// - Throws: `DatasetError`, also where the classes of both sides differ; `FileError`.
  static func choose(
    among candidates: [String], for train: any ClassedImages, trainSide: String,
    index: ClassIndex?, path: String,
    open: (_ candidate: String, _ index: ClassIndex) throws -> any ClassedImages
  ) throws -> DatasetSides {
    var unlabelled: [String] = []
    for (place, name) in candidates.enumerated() {
      let test: any ClassedImages
      do {
        // Labels are those of training, whatever the order of the names on this side.
        test = try open(name, index ?? ClassIndex(sorted: train.folders))
      } catch let error as DatasetError where error.fault == .noClasses {
        unlabelled.append("\(name) has no class folders, so that its images have no labels")
        continue
      } catch let error as DatasetError
        where error.fault == .allEmpty && place + 1 < candidates.count
      {
        unlabelled.append("\(name) has no image")
        continue
      }
      let others = candidates[(place + 1)...]
      if index == nil {
        if !others.isEmpty, train.foldersByText.isDisjoint(with: test.foldersByText) {
          unlabelled.append("\(name) has none of the class folders of \(trainSide)")
          continue
        }
        try checkSameClasses(
          train, test, path: path, trainSide: trainSide, testSide: name)
      }
      var sides = DatasetSides(classes: train, test: test, testSide: name)
      sides.notes += unlabelled.map { "\($0): tested with \(name) instead" }
      if !others.isEmpty {
        sides.notes.append(
          "tested with \(name); not used: \(others.joined(separator: ", "))")
      }
      return sides
    }
    var sides = DatasetSides(classes: train, test: nil, testSide: "")
    sides.notes += unlabelled
    return sides
  }
}
