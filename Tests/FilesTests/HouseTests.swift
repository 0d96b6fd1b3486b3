import Foundation
import Testing

private let packageRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  .appendingPathComponent("../..").standardized

@Suite(
  "The house",
  .enabled(
    if: FileManager.default.fileExists(
      atPath: packageRoot.appendingPathComponent("README.md").path),
    "README.md is not there"))
struct HouseTests {
  /// A line of the README's map: folders of the package, and the folders that it says are in them.
  struct Room {
    let paths: [String]
    let parts: [String]

    /// From "| `Sources/C{JPEG,PNG}` | what is in it, `Part/` by `Part/` |".
    init?(_ line: Substring) {
      let cells = line.split(separator: "|")
      let words = { (text: Substring) in
        text.split(separator: "`", omittingEmptySubsequences: false).enumerated()
          .filter { $0.offset % 2 == 1 }.map { String($0.element) }
      }
      guard cells.count == 2, let path = words(cells[0]).first, path.contains("/") else {
        return nil
      }
      let pieces = path.split(whereSeparator: { "{}".contains($0) })
      paths =
        pieces.count < 2
        ? [path] : pieces[1].split(separator: ",").map { "\(pieces[0])\($0)" }
      parts = words(cells[1]).filter { $0.hasSuffix("/") && !$0.contains(" ") }
    }
  }

  static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(
      atPath: packageRoot.appendingPathComponent(path).path, isDirectory: &isFolder)
      && isFolder.boolValue
  }

  /// The files below a folder of the package, with what is in them.
  static func sources(_ folder: String) throws -> [(path: String, text: String)] {
    let base = packageRoot.appendingPathComponent(folder)
    let files = try FileManager.default.subpathsOfDirectory(atPath: base.path)
    return try files.filter { $0.hasSuffix(".swift") || $0.hasSuffix(".c") || $0.hasSuffix(".h") }
      .map {
        (
          "\(folder)/\($0)",
          try String(contentsOf: base.appendingPathComponent($0), encoding: .utf8)
        )
      }
  }

  @Test("has the folders that the README's map names, and no other room")
  func map() throws {
    let readme = try String(
      contentsOf: packageRoot.appendingPathComponent("README.md"), encoding: .utf8)
    let map = try #require(readme.range(of: "## The house"))
    let rooms = readme[map.upperBound...].split(separator: "\n").compactMap(Room.init)
    #expect(rooms.count > 10)
    for room in rooms {
      for path in room.paths { #expect(Self.isFolder(path), "\(path) is not there") }
      for part in room.parts {
        let places = room.paths.flatMap { path -> [String] in
          let folders =
            (try? FileManager.default.subpathsOfDirectory(
              atPath: packageRoot.appendingPathComponent(path).path)) ?? []
          return folders.filter { "/\($0)/".hasSuffix("/\(part)") }
        }
        #expect(!places.isEmpty, "\(part) is not in \(room.paths)")
      }
    }
    let named = Set(rooms.flatMap(\.paths))
    for folder in try FileManager.default.contentsOfDirectory(
      atPath: packageRoot.appendingPathComponent("Sources").path)
    {
      #expect(named.contains("Sources/\(folder)"), "Sources/\(folder) is not in the README's map")
    }
  }

  @Test("has no source file of more than 350 lines")
  func length() throws {
    for (path, text) in try Self.sources("Sources") {
      #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count <= 351, "\(path)")
    }
  }

  @Test(
    "moves no pointer, starts no loop on threads and calls no kernel above the seam",
    arguments: ["MXLinear", "VisionModels", "Oscillation"])
  func seam(room: String) throws {
    for (path, text) in try Self.sources("Sources/\(room)") {
      for word in [
        ".base", "parallelFor", "parallelRanges", "Kernels", "UnsafeMutablePointer",
        "UnsafePointer",
      ] {
        #expect(!text.contains(word), "\(path) has \(word)")
      }
    }
  }

  @Test("speaks to the C kernels through one door")
  func door() throws {
    for (path, text) in try Self.sources("Sources") where text.contains("import CMXKernels") {
      #expect(path.hasPrefix("Sources/MXCompute/CPU/Kernels/"), "\(path)")
    }
  }
}
