#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// WebP through libwebp, where the system has it: the library is looked for when the first such file comes, so that
/// nobody needs it to build or to read JPEG and PNG.
package enum WebPDecoder {
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
  package static var isAvailable: Bool { Library.shared != nil }

  /// What the header claims.
  static func size(_ bytes: [UInt8], name: String) throws -> (width: Int, height: Int) {
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

  /// RGB, without what there is of transparency. Of a size that `size` has found allowable.
  static func decode(_ bytes: [UInt8], name: String) throws -> Image {
    let (width, height) = try size(bytes, name: name)
    let count = 3 * width * height
    let pixels = try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      let result = Library.shared?.decodeInto(
        bytes, bytes.count, buffer.baseAddress, count, Int32(3 * width))
      if result == nil { throw ImageError(name: name, fault: .damaged(.webp, nil)) }
      initialized = count
    }
    return Image(width: width, height: height, channels: 3, pixels: pixels)
  }
}
