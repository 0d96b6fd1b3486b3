/// Which tensors there are.
package protocol TensorList {
  /// The names, in no certain order.
  var tensorNames: [String] { get }

  /// The extents of a tensor, slowest first; nil where there is none of the name.
  func shape(of name: String) -> [Int]?
}

/// Where the tensors of a model are read from by their names: a file, or what reads a file in its own way.
package protocol TensorSource: TensorList {
  /// A tensor in single precision.
  ///
  /// - Parameter shape: what the tensor's shape must be, where the caller needs a certain one.
  /// - Throws: `SafetensorsError`, `FileError`.
  func floats(_ name: String, shape: [Int]?) throws -> [Float]

  /// A fault of the source, for callers that find one in its content.
  func error(_ fault: SafetensorsError.Fault) -> SafetensorsError
}

extension TensorSource {
  /// The extents of a tensor that must be there.
  ///
  /// - Throws: `SafetensorsError.Fault.missing` with the nearest name.
  package func neededShape(of name: String) throws -> [Int] {
    guard let shape = shape(of: name) else {
      throw error(.missing(tensor: name, nearest: nearestName(to: name, among: tensorNames)))
    }
    return shape
  }

  /// A tensor in single precision, all of whose numbers are finite.
  ///
  /// - Throws: as `floats`, and `SafetensorsError.Fault.notFinite`.
  package func finiteFloats(_ name: String, shape: [Int]? = nil) throws -> [Float] {
    let values = try floats(name, shape: shape)
    // A sum of squares would overflow; the exponent of a NaN and of an infinity has all bits set.
    let broken = values.lazy.filter { !$0.isFinite }
    if let first = broken.first {
      throw error(
        .notFinite(
          tensor: name, isNaN: first.isNaN, count: broken.count, total: values.count))
    }
    return values
  }
}

extension SafetensorsFile: TensorFile {
  /// The names in the order of the tensors' bytes.
  package var tensorNames: [String] { entries.map(\.name) }

  /// The extents that the header gives a tensor.
  package func shape(of name: String) -> [Int]? { self[name]?.shape }
}
