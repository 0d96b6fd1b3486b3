import Files

/// What can be wrong with a data set as a whole.
package struct DatasetError: ReportableError, Equatable {
  /// The fault, with what was found.
  package enum Fault: Sendable, Equatable {
    /// The folder has nothing of what is recognized; perhaps an archive that is still packed.
    case unrecognized(archive: String?)
    /// The file is no archive of images but something else.
    case otherFile(kind: String, advice: String)
    /// A folder of images without class folders.
    case unlabelled(images: Int)
    /// There are no labelled test images, and no class has two images, of which one could be tested with.
    case nothingToSplit(images: Int)
    /// A folder that should hold class folders holds none.
    case noClasses
    /// A class folder has no image to train on, perhaps other files.
    case emptyClass(passedOver: String)
    /// None of the class folders has an image.
    case allEmpty
    /// A class exists on one side only.
    case classMismatch(name: String, missingIn: String)
    /// A file's length is not a whole number of records.
    case recordLength(found: Int, record: Int)
    /// A label, at a byte of the file, that is no class.
    case label(found: Int, offset: Int, classes: Int)
    /// A list of class names of the wrong length.
    case classNames(found: Int, expected: Int)
    /// An IDX file does not start with the number of its kind.
    case magic(found: UInt32, expected: UInt32)
    /// An IDX file that ends before its header does.
    case header(found: Int, expected: Int)
    /// An IDX header claims another length than the file has, or a size that no image has.
    case length(found: Int, claimed: [UInt32])
    /// The two IDX files of a pair differ in how many items they have.
    case itemCount(images: Int, labels: Int)
    /// A compressed file is damaged, in zlib's words, or cut off.
    case compressed(String)
    /// A compressed file goes on behind what its IDX header claims.
    case compressedLength(claimed: Int)
    /// A tar archive is damaged, at a byte of it.
    case archive(ArchiveFault, offset: Int)
    /// An archive without a `train` folder.
    case noTrainFolder
    /// An archive with `train` folders in more than one place.
    case severalTops(first: String, second: String)
    /// A list of classes without a class.
    case emptyClassList
    /// A folder that two lines of the list of classes name.
    case repeatedClass(name: String, first: Int, second: Int)
    /// A class folder that the list of classes does not name.
    case unlistedClass(name: String, place: String)
    /// A class of the list of classes that is not there.
    case missingClass(name: String, place: String)
    /// Shards without a sample.
    case noSamples
    /// A sample has a label and no image.
    case sampleWithoutImage(key: String)
    /// A sample has an image and no label.
    case sampleWithoutLabel(key: String)
    /// A sample's label is no class's number.
    case sampleLabel(key: String, found: String, classes: Int)
  }

  /// The folder or file.
  package let path: String
  /// What is wrong with it.
  package let fault: Fault

  /// A fault of a data set.
  package init(path: String, fault: Fault) {
    self.path = path
    self.fault = fault
  }

  /// Bad data, always.
  package var category: ErrorCategory { .badData }

  /// One line of at most 2,000 characters (`oneLine`): the path, what was found, what was expected, what to try.
  package var description: String { oneLine("\(path): \(fault.text)") }
}
