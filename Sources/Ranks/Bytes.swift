// What ranks send each other: the bytes of values, which the same program on the other side takes as they are.

extension [UInt8] {
  /// The bytes of a value.
  package init<Value: BitwiseCopyable>(bytesOf value: Value) {
    self = Swift.withUnsafeBytes(of: value) { Array($0) }
  }
}

extension Array where Element: BitwiseCopyable {
  /// The values that have these bytes, one behind the other.
  package init(bytes: [UInt8]) {
    let size = MemoryLayout<Element>.stride
    self = bytes.withUnsafeBytes { bytes in
      (0..<bytes.count / size).map {
        bytes.loadUnaligned(fromByteOffset: $0 * size, as: Element.self)
      }
    }
  }
}
