import Runtime

/// What can be wrong with a data set as a whole.
public struct DatasetError: ReportableError, Equatable {
  /// The fault, with what was found.
  public enum Fault: Sendable, Equatable {
    /// The folder has nothing of what is recognized; perhaps an archive that is still packed.
    case unrecognized(archive: String?)
    /// There is a `train` folder and neither `test` nor `val`.
    case noTestFolder
    /// A folder that should hold class folders holds none.
    case noClasses
    /// A class folder has no image.
    case emptyClass
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
  }

  /// The folder or file.
  public let path: String
  /// What is wrong with it.
  public let fault: Fault

  /// A fault of a data set.
  public init(path: String, fault: Fault) {
    self.path = path
    self.fault = fault
  }

  /// Bad data, always.
  public var category: ErrorCategory { .badData }

  /// One line: the path, what was found, what was expected, what to try.
  public var description: String { "\(path): \(text)" }

  private var text: String {
    switch fault {
    case .unrecognized(let archive):
      "no data set found here, expected one of: train/ and test/ (or val/) with a folder of .jpg or "
        + ".png files for each class; CIFAR-10 or CIFAR-100, binary version (data_batch_1.bin …, "
        + "train.bin); IDX files (train-images-idx3-ubyte …); or 'digits' in place of a path"
        + (archive.map { "; unpack \($0) first" } ?? "; check the path")
    case .noTestFolder:
      "found train/ but neither test/ nor val/; put test images into test/, with the same class "
        + "folders"
    case .noClasses: "no class folder found, expected one folder of images for each class"
    case .emptyClass:
      "no image found, expected .jpg, .jpeg, .png or .webp files directly in this class folder; add some "
        + "or remove the folder"
    case .classMismatch(let name, let side):
      "class '\(name)' is missing in \(side)/, expected the same class folders on both sides; "
        + "rename, add or remove it"
    case .recordLength(let found, let record):
      "\(found) bytes, expected one or more records of \(record); fetch the file again"
    case .label(let found, let offset, let classes):
      "label \(found) at byte \(offset), expected 0 to \(classes - 1); fetch the file again"
    case .classNames(let found, let expected):
      "\(found) class names, expected \(expected), one a line; fetch the file again or remove it"
    case .magic(let found, let expected):
      "starts with \(found), expected \(expected), the number of this kind of IDX file; unpack it "
        + "or fetch it again"
    case .header(let found, let expected):
      "\(found) bytes, expected a header of \(expected) and what it claims; fetch the file again"
    case .length(let found, let claimed):
      "\(found) bytes, expected what its header claims: "
        + "\(claimed.map(String.init).joined(separator: " x ")) after the header, not empty; "
        + "fetch the file again"
    case .itemCount(let images, let labels):
      "\(labels) labels, expected \(images), as many as there are images beside it; fetch both "
        + "files again"
    }
  }
}
