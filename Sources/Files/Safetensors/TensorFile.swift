/// A file that tensors are read from, with its notes of itself.
package protocol TensorFile: TensorSource {
  /// The path it was opened by.
  var path: String { get }

  /// The file's own notes, under the names that checkpoints give them.
  var metadata: [String: String] { get }

  /// The hash that the file carries of itself; nil where it carries none.
  var checksum: String? { get }

  /// Some elements of a tensor in single precision, counted row by row.
  ///
  /// - Precondition: the tensor has them.
  /// - Throws: as `floats(_:shape:)`.
  func floats(_ name: String, elements: Range<Int>) throws -> [Float]
}

extension TensorFile {
  /// A metadata entry that must be there and be an integer.
  package func integerMetadata(_ key: String) throws -> Int {
    guard let value = metadata[key].flatMap(Int.init) else {
      throw error(.metadata(key: key, found: metadata[key], expected: "an integer"))
    }
    return value
  }
}
