import Files
import Foundation
import ImageData

/// An image file of `Pictures/`, small ones of every format, which Pillow and other programs wrote.
package struct Picture: Sendable {
  /// Its name, with the format's ending.
  package let name: String
  /// The file.
  package let bytes: [UInt8]
  /// What Pillow decodes it to: RGB, row by row, upright.
  package let levels: [UInt8]

  /// All pictures, by name.
  package static let all: [Picture] = {
    guard let folder = Bundle.module.resourcePath.map({ $0 + "/Pictures" }),
      let names = try? FileManager.default.contentsOfDirectory(atPath: folder)
    else { preconditionFailure("the pictures of the tests are missing") }
    return names.filter(ImageFormat.isImage).sorted().map { name in
      guard let bytes = try? readFile("\(folder)/\(name)"),
        let levels = try? readFile("\(folder)/\(name).levels")
      else { preconditionFailure("\(name) or its levels cannot be read") }
      return Picture(name: name, bytes: bytes, levels: levels)
    }
  }()

  /// The files of a format.
  static func files(_ format: ImageFormat) -> [[UInt8]] {
    all.filter { picture in format.fileExtensions.contains { picture.name.hasSuffix($0) } }.map(
      \.bytes)
  }
}
