import CImageDecoding

/// What the header of an image file claims, before anything is set aside for its pixels.
struct ImageHeader {
  /// Columns and rows as stored.
  let width, height: Int
  /// Values a pixel once decoded: 1 or 3.
  var channels = 3
  /// How the stored image must be turned.
  var orientation = ImageOrientation.upright
  /// The fewest bytes that a file with so many pixels has: what cannot be there needs no memory. 0 where the format
  /// has no such bound.
  var fewestBytes = 0
  /// Bytes that decoding takes beside the file and its pixels.
  var workingBytes = 0
}

/// Lets a function of the C target read a file.
///
/// - Throws: `ImageError` with the library's words.
func reading(
  _ bytes: [UInt8], as format: ImageFormat, name: String,
  _ body: (_ bytes: UnsafePointer<UInt8>, _ message: UnsafeMutablePointer<CChar>) -> Int32
) throws {
  let message: String? = withUnsafeTemporaryAllocation(
    of: CChar.self, capacity: Int(tj_message_length)
  ) { text in
    text.initialize(repeating: 0)
    let status = bytes.withUnsafeBufferPointer { body($0.baseAddress!, text.baseAddress!) }
    return status == 0 ? nil : String(cString: text.baseAddress!)
  }
  if let message { throw ImageError(name: name, fault: .damaged(format, message)) }
}

/// What a function of the C target says of a file's header.
///
/// - Throws: `ImageError`.
func header(
  of bytes: [UInt8], as format: ImageFormat, name: String,
  _ read: (
    UnsafePointer<UInt8>?, Int, UnsafeMutablePointer<tj_image_header>?, UnsafeMutablePointer<CChar>?
  ) -> Int32
) throws -> tj_image_header {
  var header = tj_image_header()
  try reading(bytes, as: format, name: name) { read($0, bytes.count, &header, $1) }
  return header
}

/// The values that a function of the C target decodes, `count` of them.
///
/// - Throws: `ImageError`.
func values(
  _ count: Int, of bytes: [UInt8], as format: ImageFormat, name: String,
  _ read: (
    UnsafePointer<UInt8>?, Int, UnsafeMutablePointer<UInt8>?, Int, UnsafeMutablePointer<CChar>?
  ) -> Int32
) throws -> [UInt8] {
  try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
    try reading(bytes, as: format, name: name) {
      read($0, bytes.count, buffer.baseAddress, count, $1)
    }
    initialized = count
  }
}
