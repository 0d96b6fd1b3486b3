import CZlib

/// Inflates a gzip file in memory, as much at a time as is asked for.
///
/// What a few kilobytes may inflate to has no bound but this one.
final class GzipReader {
  /// The first bytes of every gzip file.
  static let signature: [UInt8] = [0x1F, 0x8B]
  /// To how many times its length deflate can make something inflate (258 bytes from two bits).
  static let largestRatio = 1032
  /// How much is inflated at a time.
  private static let partSize = 1 << 16

  private let path: String
  private let input: [UInt8]
  private var position = 0
  private var stream = z_stream()
  private var isAtEnd = false

  /// - Parameters:
  ///   - input: The whole file.
  ///   - path: For messages.
  /// - Throws: `DatasetError`.
  init(_ input: [UInt8], path: String) throws {
    (self.input, self.path) = (input, path)
    // 15: the largest window; 16 more: a gzip header and checksum, not zlib's.
    let status = inflateInit2_(
      &stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else { throw fault(status) }
  }

  deinit { inflateEnd(&stream) }

  /// The next `count` bytes, fewer where the file ends before. Reading past the end has checked the
  /// file's checksum.
  ///
  /// - Throws: `DatasetError` for a file that is damaged or ends within.
  func read(_ count: Int) throws -> [UInt8] {
    // Memory is taken as the bytes come, not as `count` has them: it may be a lying header's.
    var output: [UInt8] = []
    var part = [UInt8](repeating: 0, count: min(count, Self.partSize))
    while output.count < count, !isAtEnd {
      let room = min(part.count, count - output.count)
      let done = try part.withUnsafeMutableBufferPointer {
        try inflatePart(into: UnsafeMutableBufferPointer(rebasing: $0[..<room]))
      }
      output += part[..<done]
    }
    return output
  }

  /// One call of zlib's, whose lengths are 32-bit numbers.
  private func inflatePart(into output: UnsafeMutableBufferPointer<UInt8>) throws -> Int {
    let largest = 1 << 30
    let room = min(output.count, largest)
    let available = min(input.count - position, largest)
    let status = input.withUnsafeBufferPointer { input in
      // zlib does not write there; its type is older than const.
      stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress).map { $0 + position }
      stream.avail_in = UInt32(available)
      stream.next_out = output.baseAddress
      stream.avail_out = UInt32(room)
      return inflate(&stream, Z_NO_FLUSH)
    }
    position += available - Int(stream.avail_in)
    guard status == Z_OK || status == Z_STREAM_END else { throw fault(status) }
    if status == Z_STREAM_END {
      // gzip files may follow each other in one; what else follows is ignored, as gzip does.
      if input[position...].starts(with: Self.signature) {
        inflateReset(&stream)
      } else {
        isAtEnd = true
      }
    }
    return room - Int(stream.avail_out)
  }

  private func fault(_ status: Int32) -> DatasetError {
    // Without a message it wanted more input than there is.
    let message = stream.msg.map { String(cString: $0) }
    let text =
      message ?? (status == Z_BUF_ERROR ? "it ends too early" : "zlib's error \(status)")
    return DatasetError(path: path, fault: .compressed(text))
  }
}
