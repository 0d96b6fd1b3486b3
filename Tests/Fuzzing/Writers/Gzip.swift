import CZlib

/// The bytes as a gzip file.
package func gzip(_ bytes: [UInt8]) -> [UInt8] {
  var bytes = bytes
  var stream = z_stream()
  // 16 more than the window's 15 bits: a gzip header.
  let status = deflateInit2_(
    &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
    Int32(MemoryLayout<z_stream>.size))
  precondition(status == Z_OK, "zlib says \(status)")
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
  precondition(end == Z_STREAM_END, "zlib says \(end)")
  return Array(output.dropLast(Int(stream.avail_out)))
}

/// What comes out of a gzip file before its end or first fault, and no more than `limit` bytes.
func inflated(_ bytes: [UInt8], limit: Int) -> [UInt8] {
  var bytes = bytes
  var stream = z_stream()
  inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
  defer { inflateEnd(&stream) }
  var output: [UInt8] = []
  var part = [UInt8](repeating: 0, count: 65536)
  var status = Z_OK
  let length = UInt32(bytes.count)
  bytes.withUnsafeMutableBufferPointer { input in
    (stream.next_in, stream.avail_in) = (input.baseAddress, length)
    while status == Z_OK || status == Z_STREAM_END, output.count < limit {
      if status == Z_STREAM_END {
        if stream.avail_in == 0 { break }
        inflateReset(&stream)
      }
      part.withUnsafeMutableBufferPointer { output in
        (stream.next_out, stream.avail_out) = (output.baseAddress, 65536)
        status = inflate(&stream, Z_NO_FLUSH)
      }
      output += part.prefix(65536 - Int(stream.avail_out))
    }
  }
  return output
}

/// The bytes compressed as in a PNG file's chunks.
package func zlib(_ bytes: [UInt8]) -> [UInt8] {
  var output = [UInt8](repeating: 0, count: Int(compressBound(UInt(bytes.count))))
  var length = uLong(output.count)
  let status = compress(&output, &length, bytes, uLong(bytes.count))
  precondition(status == Z_OK, "zlib says \(status)")
  return Array(output.prefix(Int(length)))
}
