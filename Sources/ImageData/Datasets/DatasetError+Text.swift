extension DatasetError.Fault {
  /// What was found, what was expected, what to try.
  var text: String {
    switch self {
    case .unrecognized(let archive):
      "no data set found here, expected one of: train/ and test/ (or val/) with a folder of .jpg, "
        + ".png or .webp files for each class; train.tar and test.tar (or val.tar) of such; "
        + "WebDataset shards (…train-000000.tar …, …val-000000.tar …); CIFAR-10 or CIFAR-100, "
        + "binary version (data_batch_1.bin …, train.bin); IDX files (train-images-idx3-ubyte …, "
        + "also .gz); or 'digits' in place of a path" + Self.advice(archive)
    case .noTestFolder:
      "found train/ but neither test/ nor val/; put test images into test/, with the same class "
        + "folders"
    case .noClasses:
      "no class folder found, expected one folder of images for each class; put the images into "
        + "folders named after their classes"
    case .emptyClass:
      "no image found, expected .jpg, .jpeg, .png or .webp files directly in this class folder; "
        + "add some or remove the folder"
    case .classMismatch(let name, let side):
      "class '\(name)' is missing in \(side.hasSuffix(".tar") ? side : "\(side)/"), expected the "
        + "same class folders on both sides; rename, add or remove it"
    case .recordLength(let found, let record):
      "\(found) bytes, expected one or more records of \(record); fetch the file again"
    case .label(let found, let offset, let classes):
      "label \(found) at byte \(offset), expected 0 to \(classes - 1); fetch the file again"
    case .classNames(let found, let expected):
      "\(found) class names, expected \(expected), one a line; fetch the file again or remove it"
    case .magic, .header, .length, .itemCount, .compressed, .compressedLength: idxText
    case .archive, .noTrainFolder, .severalTops, .noTestArchive: archiveText
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
      "no folder train/ with class folders found in this archive, expected train/ and test/ (or "
        + "val/), each with a folder of images for each class; for an archive of one side name it "
        + "train.tar, put test.tar (or val.tar) beside it, and give the folder of the two"
    case .severalTops(let first, let second):
      "found both \(first)train/ and \(second)train/ in this archive, expected one train/; make an "
        + "archive of one of them"
    case .noTestArchive(let train):
      "found \(train), but no archive to test with, expected test.tar or val.tar, or shards with "
        + "'test' or 'val' in their names; put one beside it"
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
        + "images, or correct or remove the line"
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
