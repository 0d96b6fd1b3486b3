import CZlib
import Testing

/// The bytes as a gzip file.
func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
  var bytes = bytes
  var stream = z_stream()
  // 16 more than the window's 15 bits: a gzip header.
  let status = deflateInit2_(
    &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
    Int32(MemoryLayout<z_stream>.size))
  try #require(status == Z_OK)
  defer { deflateEnd(&stream) }
  var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))))
  let (length, room) = (UInt32(bytes.count), UInt32(output.count))
  let end = bytes.withUnsafeMutableBufferPointer { input in
    output.withUnsafeMutableBufferPointer { output in
      (stream.next_in, stream.avail_in) = (input.baseAddress, length)
      (stream.next_out, stream.avail_out) = (output.baseAddress, room)
      return deflate(&stream, Z_FINISH)
    }
  }
  try #require(end == Z_STREAM_END)
  return Array(output.dropLast(Int(stream.avail_out)))
}
