#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// WebP through libwebp, where the system has it: the library is looked for when the first such file comes, so that
/// nobody needs it to build or to read JPEG and PNG.
enum WebPDecoder {
  private typealias GetInfo =
    @convention(c) (
      UnsafePointer<UInt8>?, Int, UnsafeMutablePointer<Int32>?, UnsafeMutablePointer<Int32>?
    ) -> Int32
  private typealias DecodeInto =
    @convention(c) (
      UnsafePointer<UInt8>?, Int, UnsafeMutablePointer<UInt8>?, Int, Int32
    ) -> UnsafeMutablePointer<UInt8>?

  /// The two functions of webp/decode.h that are used; their interface has not changed since version 0.1.
  private struct Library: Sendable {
    let getInfo: GetInfo
    let decodeInto: DecodeInto

    /// What Debian, Homebrew and others call the library.
    static let names = [
      "libwebp.so.7", "libwebp.so.6", "libwebp.so", "libwebp.7.dylib",
      "/opt/homebrew/lib/libwebp.dylib", "/usr/local/lib/libwebp.dylib",
    ]

    static let shared: Library? = names.lazy.compactMap { dlopen($0, RTLD_NOW) }.first.flatMap {
      guard let info = dlsym($0, "WebPGetInfo"), let decode = dlsym($0, "WebPDecodeRGBInto") else {
        return nil
      }
      return Library(
        getInfo: unsafeBitCast(info, to: GetInfo.self),
        decodeInto: unsafeBitCast(decode, to: DecodeInto.self))
    }
  }

  /// Whether WebP files can be read on this system.
  static var isAvailable: Bool { Library.shared != nil }

  /// What the header claims: of an animation, its canvas. A lossless image of one colour needs next to no bytes.
  static func header(_ bytes: [UInt8], name: String) throws -> ImageHeader {
    let (width, height) = try size(bytes, name: name)
    return ImageHeader(
      width: width, height: height, orientation: WebPChunks(bytes).orientation,
      workingBytes: 4 * width * height)
  }

  /// RGB, without what there is of transparency; of an animation the first frame, on black where it does not fill the
  /// canvas. Of a size that `header` has found allowable.
  static func decode(_ bytes: [UInt8], _ header: ImageHeader, name: String) throws -> Image {
    let (width, height) = (header.width, header.height)
    guard let frame = WebPChunks(bytes).firstFrame else {
      return Image(
        width: width, height: height, channels: 3,
        pixels: try pixels(bytes, width: width, height: height, name: name))
    }
    // libwebp, which sees the frame alone, does not miss what is behind it.
    guard WebPChunks.isWhole(bytes) else {
      throw ImageError(name: name, fault: .damaged(.webp, "the file ends before the image does"))
    }
    guard frame.x + frame.width <= width, frame.y + frame.height <= height else {
      throw ImageError(name: name, fault: .damaged(.webp, "a frame outside the canvas"))
    }
    let part = try pixels(frame.file, width: frame.width, height: frame.height, name: name)
    if part.count == 3 * width * height {
      return Image(width: width, height: height, channels: 3, pixels: part)
    }
    var canvas = [UInt8](repeating: 0, count: 3 * width * height)
    for row in 0..<frame.height {
      let start = 3 * ((frame.y + row) * width + frame.x)
      canvas.replaceSubrange(
        start..<start + 3 * frame.width,
        with: part[3 * row * frame.width..<3 * (row + 1) * frame.width])
    }
    return Image(width: width, height: height, channels: 3, pixels: canvas)
  }

  private static func size(_ bytes: [UInt8], name: String) throws -> (width: Int, height: Int) {
    guard let library = Library.shared else {
      throw ImageError(name: name, fault: .libraryMissing(.webp))
    }
    var width: Int32 = 0
    var height: Int32 = 0
    guard library.getInfo(bytes, bytes.count, &width, &height) != 0 else {
      throw ImageError(name: name, fault: .damaged(.webp, nil))
    }
    return (Int(width), Int(height))
  }

  /// The pixels of a file with a single image, which must have this size.
  private static func pixels(
    _ bytes: [UInt8], width: Int, height: Int, name: String
  ) throws -> [UInt8] {
    guard try size(bytes, name: name) == (width, height) else {
      throw ImageError(
        name: name, fault: .damaged(.webp, "pixels of another size than the header's"))
    }
    let count = 3 * width * height
    return try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      let result = Library.shared?.decodeInto(
        bytes, bytes.count, buffer.baseAddress, count, Int32(3 * width))
      if result == nil { throw ImageError(name: name, fault: .damaged(.webp, nil)) }
      initialized = count
    }
  }
}
