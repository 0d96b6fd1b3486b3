/// Labelled images that can be had one by one, in any order, from any thread.
public protocol ImageDataset: Sendable {
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
}

extension ImageDataset {
  /// Image `index`, decoded whole.
  public func image(_ index: Int) throws -> Image { try content(index).image() }
}
