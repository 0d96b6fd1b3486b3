import CTurboJPEG
import ImageData

/// A JPEG file of an image, as good as JPEG can (quality 100, no subsampling).
package func jpeg(_ image: Image) -> [UInt8] {
  jpeg(
    image.pixels, width: image.width, height: image.height,
    format: image.channels == 1 ? TJPF_GRAY : TJPF_RGB,
    subsampling: image.channels == 1 ? TJSAMP_GRAY : TJSAMP_444)
}

/// A JPEG file of interleaved values of a TurboJPEG format.
package func jpeg(
  _ pixels: [UInt8], width: Int, height: Int, format: TJPF, subsampling: TJSAMP,
  quality: Int32 = 100, flags: Int32 = 0
) -> [UInt8] {
  guard let handle = tjInitCompress() else { preconditionFailure("no compressor") }
  defer { tjDestroy(handle) }
  var buffer: UnsafeMutablePointer<UInt8>?
  var length: UInt = 0
  defer { tjFree(buffer) }
  let status = tjCompress2(
    handle, pixels, Int32(width), 0, Int32(height), Int32(format.rawValue), &buffer, &length,
    Int32(subsampling.rawValue), quality, flags)
  precondition(status == 0, "TurboJPEG says \(status)")
  return Array(UnsafeBufferPointer(start: buffer, count: Int(length)))
}
