/// Labelled images to test a model with.
package struct LabelledImages: Sendable {
  /// The images.
  package let images: any ImageDataset
  /// What form the data set has and where it is.
  package let source: String
  /// What is to be said of them, a line each.
  package var notes: [String]
  /// Files beside them that are not taken.
  package let passedOver: PassedOver

  /// Those to test with of a data set that was opened.
  package init(testing datasets: ImageDatasets) {
    self.init(
      images: datasets.test, source: datasets.source, notes: datasets.notes,
      passedOver: datasets.passedOver.test)
  }

  private init(
    images: any ImageDataset, source: String, notes: [String], passedOver: PassedOver
  ) {
    (self.images, self.source, self.notes, self.passedOver) = (images, source, notes, passedOver)
  }

  /// The labelled images of a data set that has a side to test with; of class folders without sides all.
  ///
  /// - Parameter trainedOn: The fingerprint of the images that the model was trained on: where they were split off from
  ///   these, those that were kept out of training.
  /// - Throws: `FileError`, `DatasetError`.
  package init(_ path: String, split: ValidationSplit, trainedOn: String?) throws {
    let datasets: ImageDatasets
    do {
      datasets = try ImageDatasets.open(path, split: split)
    } catch let error as DatasetError {
      // What is no data set to train on may well be one to test with.
      let path = DatasetPath.resolved(path)
      guard !DatasetPath.isFile(path) else { throw error }
      let listing = try FolderListing(path)
      let side: any ClassedImages
      if let test = try ClassSide.testOnly(listing) {
        side = test
      } else if try listing.folders.contains(where: { try FolderTree.hasImage(listing.path($0)) }) {
        side = try ImageFolder(path, listedBy: ClassIndex(in: listing), isTraining: false)
      } else {
        throw error
      }
      self.init(
        images: side, source: "class folders in \(side.path)", notes: [],
        passedOver: side.passedOver)
      return
    }
    guard let all = datasets.unsplit, datasets.train.fingerprint != trainedOn else {
      self.init(testing: datasets)
      return
    }
    self.init(
      images: all, source: datasets.source,
      notes: ["no test side: tested with all labelled images, \(all.count)"],
      passedOver: datasets.passedOver.train)
  }
}
