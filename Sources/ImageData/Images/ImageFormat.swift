/// The formats of image files that are read here.
public enum ImageFormat: String, Sendable, CaseIterable {
  case jpeg = "JPEG"
  case png = "PNG"
  case webp = "WebP"

  /// The endings of file names that class folders and archives are searched for, in lower case. What a file is, its
  /// content decides.
  static let fileExtensions = [".jpg", ".jpeg", ".png", ".webp"]

  /// Whether a file's name ends like an image's.
  static func isImage(_ name: String) -> Bool {
    let name = name.lowercased()
    return fileExtensions.contains { name.hasSuffix($0) }
  }

  /// The format that the first bytes of a file tell.
  init?(signatureOf bytes: [UInt8]) {
    if bytes.starts(with: [0xFF, 0xD8]) {
      self = .jpeg
    } else if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
      self = .png
    } else if bytes.count >= 12, bytes.starts(with: Array("RIFF".utf8)),
      bytes[8..<12].elementsEqual("WEBP".utf8)
    {
      self = .webp
    } else {
      return nil
    }
  }
}
