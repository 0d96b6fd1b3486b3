import Files

extension DatasetError.Fault {
  /// What was found, what was expected, what to try.
  var text: String {
    switch self {
    case .unrecognized(let archive):
      "no data set found here, expected one of: a folder of images for each class; train/ and "
        + "perhaps test/ (or val/) of such folders; train.tar and test.tar (or val.tar) of such; "
        + "WebDataset shards (…train-000000.tar …, …val-000000.tar …); CIFAR-10 or CIFAR-100, "
        + "binary version (data_batch_1.bin …, train.bin); IDX files (train-images-idx3-ubyte …, "
        + "also .gz); or 'digits' in place of a path" + Self.advice(archive)
    case .otherFile, .unlabelled, .nothingToSplit, .noClasses, .emptyClass, .allEmpty,
      .classMismatch:
      folderText
    case .recordLength(let found, let record):
      "\(found) bytes, expected one or more records of \(record); fetch the file again"
    case .label(let found, let offset, let classes):
      "label \(found) at byte \(offset), expected 0 to \(classes - 1); fetch the file again"
    case .classNames(let found, let expected):
      "\(found) class names, expected \(expected), one a line; fetch the file again or remove it"
    case .magic, .header, .length, .itemCount, .compressed, .compressedLength: idxText
    case .archive, .noTrainFolder, .severalTops: archiveText
    case .emptyClassList, .repeatedClass, .unlistedClass, .missingClass: classListText
    case .noSamples, .sampleWithoutImage, .sampleWithoutLabel, .sampleLabel: sampleText
    }
  }

  /// What to do about a folder in which an archive was found, or nothing.
  private static func advice(_ archive: String?) -> String {
    guard let archive else { return "; check the path" }
    return archive.hasSuffix(".tar")
      ? "; if \(archive) holds train/ and test/, give its own path" : "; unpack \(archive) first"
  }

  private var folderText: String {
    switch self {
    case .otherFile(let kind, let advice):
      "\(kind), expected a folder or a tar archive of class folders; \(advice)"
    case .unlabelled(let images):
      "\(counted(images, "image")) without class folders, expected one folder for each class, which "
        + "labels them; put images into folders named after their classes"
    case .nothingToSplit(let images):
      "no labelled test images, and none of \(counted(images, "image")) to train on can be spared: no "
        + "class has two; add images, or a folder test/ with the same class folders"
    case .noClasses:
      "no class folder found, expected one folder of images for each class; put the images into "
        + "folders named after their classes"
    case .emptyClass(let others):
      "no image found in this class folder\(others.isEmpty ? "" : " (but \(others))"), expected "
        + "files that end in \(Self.endings); add some; or remove the folder, on both sides; or, to "
        + "keep a class without images to train on, list all classes in \(ClassList.fileName) "
        + "beside the sides, a line each"
    case .allEmpty:
      "no image found in any class folder, expected files that end in \(Self.endings); add some"
    case .classMismatch(let name, let side):
      mismatchText(name, side)
    default: ""
    }
  }

  /// The endings of images, as a message lists them.
  private static let endings =
    ImageFormat.fileExtensions.dropLast().joined(separator: ", ")
    + " or \(ImageFormat.fileExtensions.last ?? "")"

  /// Advice that works: an empty folder to test with is allowed, one to train on is not.
  private func mismatchText(_ name: String, _ side: String) -> String {
    let isArchive = side.hasSuffix(".tar")
    let place = isArchive ? side : "\(side)/"
    let isTraining = SideName.train.contains {
      side.lowercased() == $0 || side.lowercased() == "\($0).tar"
    }
    return "class '\(name)' is missing in \(place), expected the same class folders on both sides; "
      + (isTraining
        ? "add images of it to train on, or rename or remove it on the other side"
        : isArchive
          ? "rename or add it, or list all classes in \(ClassList.fileName) beside the archives: "
            + "then the test side may lack some"
          : "rename or add it: where there is nothing to test it with, an empty folder will do")
  }

  private var idxText: String {
    switch self {
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
    case .compressed(let message):
      "damaged or cut off (\(message)), expected a whole gzip file; fetch the file again"
    case .compressedLength(let claimed):
      "more than \(claimed) bytes when unpacked, expected what its header claims; fetch the file "
        + "again"
    default: ""
    }
  }

  private var archiveText: String {
    switch self {
    case .archive(let fault, let offset): "at byte \(offset): \(fault.text)"
    case .noTrainFolder:
      "no folder train/ with class folders found in this archive, expected train/ and perhaps "
        + "test/ (or val/), each with a folder of images for each class, or such folders alone; for "
        + "an archive of one side name it train.tar, put test.tar (or val.tar) beside it, and give "
        + "the folder of the two"
    case .severalTops(let first, let second):
      "found both \(first)train/ and \(second)train/ in this archive, expected one train/; make an "
        + "archive of one of them"
    default: ""
    }
  }

  private var classListText: String {
    switch self {
    case .emptyClassList:
      "no class in this file, expected a line for each: its folder, and after a tabulator its name "
        + "if that is another; add them or remove the file"
    case .repeatedClass(let name, let first, let second):
      "'\(name)' stands in lines \(first) and \(second), expected each class folder once; remove "
        + "one of them"
    case .unlistedClass(let name, let place):
      "does not list the class folder '\(name)' of \(place), expected a line for every one; add "
        + "it, or rename or remove the folder"
    case .missingClass(let name, let place):
      "lists the class '\(name)', of which \(place) has nothing, expected all listed classes; add "
        + "images, or an empty folder for a class without any, or correct or remove the line"
    default: ""
    }
  }

  private var sampleText: String {
    switch self {
    case .noSamples:
      "no sample found, expected files KEY.jpg (or .jpeg, .png, .webp) and KEY.cls; check how the "
        + "shard was written"
    case .sampleWithoutImage(let key):
      "sample '\(key)' has no image, expected \(key).jpg, .jpeg, .png or .webp; add it or remove "
        + "the sample"
    case .sampleWithoutLabel(let key):
      "sample '\(key)' has no label, expected \(key).cls with the number of its class; add it, or "
        + "name an archive of class folders train.tar, test.tar or val.tar"
    case .sampleLabel(let key, let found, let classes):
      "the label of sample '\(key)' is '\(found)', expected a number from 0 to \(classes - 1); "
        + "correct \(key).cls"
    default: ""
    }
  }
}
