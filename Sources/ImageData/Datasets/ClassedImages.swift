import Files

/// One side of a data set whose images lie in folders, one a class.
protocol ClassedImages: ImageDataset {
  /// What messages call the side.
  var path: String { get }
  /// The names of the class folders that were found, sorted by their bytes.
  var folders: [String] { get }
  /// The classes whose folders have no image.
  var emptyClasses: [String] { get }
  /// What else was found.
  var passedOver: PassedOver { get }
}

extension ClassedImages {
  /// The class folders as people read them: what two sides are compared by.
  var foldersByText: Set<String> { Set(folders.map(RawName.text)) }
}

/// Holds the classes of two sides against each other, where no file lists them: each must have all.
///
/// - Throws: `DatasetError` at `path` that names the first class that one side lacks.
func checkSameClasses(
  _ train: any ClassedImages, _ test: any ClassedImages, path: String, trainSide: String,
  testSide: String
) throws {
  // The first difference in the order of the names, so that the same one is always named.
  let differences = train.foldersByText.symmetricDifference(test.foldersByText)
  if let name = differences.min(by: { $0.precedesInBytes($1) }) {
    let missing = test.foldersByText.contains(name) ? trainSide : testSide
    throw DatasetError(path: path, fault: .classMismatch(name: name, missingIn: missing))
  }
}
