import Foundation
import Runtime

/// The handwritten digits that ship with the package: 8 × 8 pixels, 1437 for training, 360 for test.
/// Where they come from is said in Digits/README.md.
enum Digits {
  /// The values of the files run from 0 to this one.
  private static let maximumValue = 16

  static func pair() throws -> (train: IDXFiles, test: IDXFiles) {
    let listing = try FolderListing(folder())
    guard let names = IDXFiles.Names(listing) else {
      throw DatasetError(path: listing.path, fault: .unrecognized(archive: nil))
    }
    return try IDXFiles.pair(listing, names, maximumValue: maximumValue)
  }

  /// The folder that the package manager copies next to the program, or else the one in the sources.
  ///
  /// Not `Bundle.module`: where neither folder is there (a program copied without its resources), that
  /// one stops the process, and this one ends in a `FileError` that names the missing folder.
  private static func folder() -> String {
    let beside = [
      "\(Bundle.main.bundlePath)/TetraJet_ImageData.resources/Digits",
      "\(Bundle.main.bundlePath)/TetraJet_ImageData.bundle/Digits",
      "\(Bundle.main.resourcePath ?? "")/TetraJet_ImageData.bundle/Digits",
      "\(Bundle.main.resourcePath ?? "")/TetraJet_ImageData.bundle/Contents/Resources/Digits",
    ]
    let source = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Digits").path
    return (beside + [source]).first { FileManager.default.fileExists(atPath: $0) } ?? beside[0]
  }
}
