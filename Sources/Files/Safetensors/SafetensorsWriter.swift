/// One tensor to be written: what the header says of it, and its bytes when they are asked for.
package struct OutgoingTensor {
  /// The name it will have.
  package let name: String
  let type: TensorType
  let shape: [Int]
  let withBytes: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void

  private init(
    _ name: String, _ type: TensorType, _ shape: [Int], count: Int,
    withBytes: @escaping ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) {
    let expected = shape.reduce(1, *)
    precondition(count == expected, "\(name): \(count) elements for shape \(shape)")
    self.name = name
    self.type = type
    self.shape = shape
    self.withBytes = withBytes
  }

  /// A single-precision tensor.
  package static func floats(_ name: String, shape: [Int], _ values: [Float]) -> OutgoingTensor {
    OutgoingTensor(name, .f32, shape, count: values.count) { try values.withUnsafeBytes($0) }
  }

  /// A single-precision tensor that stays where it is; it must outlive the writing.
  package static func floats(
    _ name: String, shape: [Int], _ values: UnsafeBufferPointer<Float>
  ) -> OutgoingTensor {
    OutgoingTensor(name, .f32, shape, count: values.count) {
      try $0(UnsafeRawBufferPointer(values))
    }
  }

  /// A single-precision tensor whose values are made when they are asked for, which may be more than once.
  package static func floats(
    _ name: String, shape: [Int], _ values: @escaping () throws -> [Float]
  ) -> OutgoingTensor {
    OutgoingTensor(name, .f32, shape, count: shape.reduce(1, *)) {
      try values().withUnsafeBytes($0)
    }
  }

  /// A tensor of any type as it lies in another file.
  package static func copy(_ entry: TensorEntry, of file: SafetensorsFile) -> OutgoingTensor {
    OutgoingTensor(entry.name, entry.type, entry.shape, count: entry.count) { write in
      try file.bytes(entry.name).withUnsafeBytes(write)
    }
  }

  /// A tensor of bytes.
  package static func bytes(_ name: String, shape: [Int], _ values: [UInt8]) -> OutgoingTensor {
    OutgoingTensor(name, .u8, shape, count: values.count) { try values.withUnsafeBytes($0) }
  }

  /// A tensor of another type, whose elements' bytes are given, the least significant first.
  package static func bytes(
    _ name: String, _ type: TensorType, shape: [Int], _ values: [UInt8]
  ) -> OutgoingTensor {
    OutgoingTensor(name, type, shape, count: values.count / type.size) {
      try values.withUnsafeBytes($0)
    }
  }

  /// A tensor of 64-bit integers.
  package static func integers(_ name: String, shape: [Int], _ values: [Int64]) -> OutgoingTensor {
    OutgoingTensor(name, .i64, shape, count: values.count) { try values.withUnsafeBytes($0) }
  }
}

/// Writes a safetensors file atomically: complete, or not at all.
///
/// Tensors keep their order within an element size, and larger elements come first, so that every
/// tensor is aligned. Metadata keys are sorted: equal content gives equal bytes.
///
/// - Parameters:
///   - checksum: whether the file carries the hash of its bytes, and is read once more before it takes its place.
///   - place: how the finished file takes its place; by default it takes that of an older one.
/// - Throws: `FileError`; `SafetensorsError.Fault.checksum` where what comes back from the disk is not what was written.
package func writeSafetensors(
  _ path: String, tensors: [OutgoingTensor], metadata: [String: String] = [:],
  checksum: Bool = false, place: ((_ finished: String) throws -> Void)? = nil
) throws {
  let content = try SafetensorsContent(tensors, metadata, checksum: checksum)
  try writeFileAtomically(path, check: content.check, place: place, content.write)
}

/// Writes a safetensors file that a user has named.
///
/// - Throws: What the other way of writing throws, and `OutputError`.
package func writeSafetensors(
  _ output: OutputFile, tensors: [OutgoingTensor], metadata: [String: String] = [:],
  checksum: Bool = false
) throws {
  let content = try SafetensorsContent(tensors, metadata, checksum: checksum)
  try output.write(check: content.check, content.write)
}

/// The bytes of a file to be written.
private struct SafetensorsContent {
  private let header: [UInt8]
  private let tensors: [OutgoingTensor]
  private let checksum: Bool

  init(_ tensors: [OutgoingTensor], _ metadata: [String: String], checksum: Bool) throws {
    precondition(Set(tensors.map(\.name)).count == tensors.count, "two tensors of one name")
    let ordered = tensors.enumerated()
      .sorted { ($1.element.type.size, $0.offset) < ($0.element.type.size, $1.offset) }
      .map(\.element)
    var metadata = metadata
    if checksum { metadata[SafetensorsChecksum.key] = SafetensorsChecksum.blank }
    var header = safetensorsHeader(ordered, metadata)
    if checksum {
      var hash = SHA256()
      hash.update(header)
      for tensor in ordered { try tensor.withBytes { hash.update($0) } }
      SafetensorsChecksum.replace(in: &header, by: hash.digits())
    }
    (self.header, self.tensors, self.checksum) = (header, ordered, checksum)
  }

  func write(_ file: borrowing FileDescriptor) throws {
    try header.withUnsafeBytes { try file.write($0) }
    for tensor in tensors {
      try tensor.withBytes { try file.write($0) }
    }
  }

  /// Reads a finished file once more, where it carries its hash.
  func check(_ finished: String) throws {
    if checksum { try SafetensorsFile(path: finished).verifyChecksum(onDisk: true) }
  }
}

/// The length field and the header.
private func safetensorsHeader(
  _ tensors: [OutgoingTensor], _ metadata: [String: String]
) -> [UInt8] {
  var members: [String] = []
  if !metadata.isEmpty {
    let notes = metadata.sorted { $0.key < $1.key }
      .map { "\(jsonString($0.key)):\(jsonString($0.value))" }
    members.append("\"__metadata__\":{\(notes.joined(separator: ","))}")
  }
  var offset = 0
  for tensor in tensors {
    let end = offset + tensor.shape.reduce(1, *) * tensor.type.size
    let shape = tensor.shape.map(String.init).joined(separator: ",")
    members.append(
      "\(jsonString(tensor.name)):{\"dtype\":\"\(tensor.type.rawValue)\",\"shape\":[\(shape)],"
        + "\"data_offsets\":[\(offset),\(end)]}")
    offset = end
  }
  var header = Array("{\(members.joined(separator: ","))}".utf8)
  header += [UInt8](repeating: UInt8(ascii: " "), count: (8 - header.count % 8) % 8)
  let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
  return length + header
}
