import Files

/// Labelled images that can be had one by one, in any order, from any thread.
package protocol ImageDataset: Sendable {
  /// The classes; a label is an index into them.
  var classNames: [String] { get }
  /// How many images there are.
  var count: Int { get }
  /// The class of image `index`, in 0 ..< `classNames.count`.
  func label(_ index: Int) -> Int
  /// What a message calls image `index`: its path, or "file.bin record 17".
  func name(_ index: Int) -> String
  /// Image `index` as stored, of any size; a file is read and its header looked at, no more. Throws for an image that
  /// cannot be read or is none.
  func content(_ index: Int) throws -> ImageContent
  /// What tells image `index` from others of its class wherever the data set lies: its path from the class's folder on.
  func key(_ index: Int) -> String
  /// The bytes of the file of image `index`; nil where images are stored as bare pixels.
  func file(_ index: Int) throws -> [UInt8]?
  /// Adds to a hash what the images are: their labels and keys in their order, unless the data set knows better.
  func addIdentity(to hash: inout SHA256)
}

extension ImageDataset {
  /// Image `index`, decoded whole.
  package func image(_ index: Int) throws -> Image { try content(index).image() }

  /// By default what messages call it.
  package func key(_ index: Int) -> String { name(index) }

  /// By default none.
  package func file(_ index: Int) throws -> [UInt8]? { nil }

  /// By default labels and keys, in the images' order.
  package func addIdentity(to hash: inout SHA256) {
    // A line at a time would spend more time on the hash's blocks than on the names.
    var text = ""
    for index in 0..<count {
      text += "\(label(index))\t\(key(index))\n"
      if text.utf8.count >= 1 << 16 || index == count - 1 {
        hash.update(Array(text.utf8))
        text = ""
      }
    }
  }

  /// What the images are, wherever they lie, as 64 hexadecimal digits: equal for data sets of the same classes with
  /// images of the same names in the same order. Files are not opened: what is in them does not count.
  package var fingerprint: String {
    var hash = SHA256()
    hash.update(Array((classNames.joined(separator: "\n") + "\n\n\(count)\n").utf8))
    addIdentity(to: &hash)
    return hash.digits()
  }

  /// How many images each class has, by label.
  package var classCounts: [Int] {
    var counts = Array(repeating: 0, count: classNames.count)
    for index in 0..<count { counts[label(index)] += 1 }
    return counts
  }
}
