/// What was found of a data set before it is decided what is tested with.
struct DatasetSides {
  /// The images to train on, and perhaps to keep some of to test with.
  let train: any ImageDataset
  /// The labelled images to test with, if there are any.
  let test: (any ImageDataset)?
  /// What files of each side are not taken.
  var passedOver = (train: PassedOver(), test: PassedOver())
  /// What else is to be said of the data set, a line each.
  var notes: [String] = []

  init(train: any ImageDataset, test: (any ImageDataset)?) {
    (self.train, self.test) = (train, test)
  }

  /// Sides of class folders; what was found in them is said.
  ///
  /// - Parameter testSide: what messages call the side to test with.
  init(classes train: any ClassedImages, test: (any ClassedImages)?, testSide: String) {
    self.init(train: train, test: test)
    passedOver = (train.passedOver, test?.passedOver ?? PassedOver())
    func list(_ names: [String]) -> String {
      names.prefix(5).joined(separator: ", ") + (names.count > 5 ? ", …" : "")
    }
    if !train.emptyClasses.isEmpty {
      notes.append(
        "without an image to train on: \(list(train.emptyClasses)) (classes.txt lists them)")
    }
    if let test, !test.emptyClasses.isEmpty {
      notes.append("without an image in \(testSide): \(list(test.emptyClasses))")
    }
  }
}
