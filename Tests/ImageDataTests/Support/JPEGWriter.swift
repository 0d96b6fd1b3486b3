import CTurboJPEG
import ImageData
import Testing

/// A JPEG file of an image, as good as JPEG can (quality 100, no subsampling).
func jpeg(_ image: Image) throws -> [UInt8] {
  try jpeg(
    image.pixels, width: image.width, height: image.height,
    format: image.channels == 1 ? TJPF_GRAY : TJPF_RGB,
    subsampling: image.channels == 1 ? TJSAMP_GRAY : TJSAMP_444)
}

/// A JPEG file of interleaved values of a TurboJPEG format.
func jpeg(
  _ pixels: [UInt8], width: Int, height: Int, format: TJPF, subsampling: TJSAMP
) throws -> [UInt8] {
  let handle = try #require(tjInitCompress())
  defer { tjDestroy(handle) }
  var buffer: UnsafeMutablePointer<UInt8>?
  var length: UInt = 0
  defer { tjFree(buffer) }
  let status = tjCompress2(
    handle, pixels, Int32(width), 0, Int32(height), Int32(format.rawValue), &buffer, &length,
    Int32(subsampling.rawValue), 100, 0)
  try #require(status == 0)
  return Array(UnsafeBufferPointer(start: buffer, count: Int(length)))
}
