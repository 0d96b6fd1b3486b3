import Files
import Foundation
import Fuzzing
import ImageData
import TestSupport
import Testing

@Suite("Image files of every format")
struct ImageFormatCommandTests {
  /// The format that a picture's ending names.
  private func format(_ name: String) -> ImageFormat {
    ImageFormat.allCases.first { $0.fileExtensions.contains { name.hasSuffix($0) } }!
  }

  /// Class folders that hold all pictures.
  private func write(_ folder: String) throws {
    for name in ["train/a", "train/b", "test/a", "test/b"] {
      let path = "\(folder)/\(name)"
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      for picture in Picture.all {
        try Data(picture.bytes).write(to: URL(fileURLWithPath: "\(path)/\(picture.name)"))
      }
    }
  }

  @Test(
    "are counted by data, and those that this system has no library for are named with what to install"
  )
  func survey() throws {
    try withTemporaryFolder { folder in
      try write(folder)
      let result = try tetrajet("data", folder, "--json")
      #expect(result.status == 0, "\(result.errors)")
      let object =
        try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as! [String: Any]
      let train = object["train"] as! [String: Any]
      var expected: [String: Int] = [:]
      for picture in Picture.all where format(picture.name).isReadable {
        expected[format(picture.name).rawValue, default: 0] += 2
      }
      #expect(train["formats"] as! [String: Int] == expected)
      #expect(["JPEG", "PNG", "GIF", "BMP"].allSatisfy { expected[$0] ?? 0 > 0 })
      let missing = 2 * Picture.all.count - expected.values.reduce(0, +)
      #expect(train["broken"] as! Int == missing)
      let text = try tetrajet("data", folder, "--list", "100").output
      let lines = text.split(separator: "\n").filter { $0.contains("was not found; install") }
      #expect(lines.count == 2 * missing)
    }
  }

  @Test("are trained on")
  func training() throws {
    try withTemporaryFolder { folder in
      try write(folder)
      let result = try tetrajet(
        "train", "--data", folder, "--output", "\(folder)/run", "--epochs", "1",
        "--set", "model.image_size=16", "--set", "model.width=32", "--set", "model.heads=1",
        "--set", "model.depth=1", "--set", "training.batch_size=16",
        "--set", "data.max_broken_share=1")
      #expect(result.status == 0, "\(result.errors)")
      let summary =
        try JSONSerialization.jsonObject(
          with: Data(readFile("\(folder)/run/summary.json"))) as! [String: Any]
      let unread = Picture.all.filter { !format($0.name).isReadable }.count
      #expect(summary["skipped_images"] as! Int == 4 * unread)
    }
  }
}
