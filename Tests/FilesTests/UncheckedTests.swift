import Files
import Foundation
import Testing

@Suite("What the compiler does not check")
struct UncheckedTests {
  /// Words by which code takes the word of its author for that of the compiler.
  static let words = ["@unchecked Sendable", "nonisolated(unsafe)", "@_silgen_name"]
  static let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static let article = repository.appendingPathComponent("Documentation/Determinism.md").path

  @Test(
    "every unchecked word in Sources has its reason in Documentation/Determinism.md, and every reason its word",
    .enabled(
      if: FileManager.default.fileExists(atPath: article),
      "Documentation/Determinism.md is not there"))
  func reasons() throws {
    let rows = try Self.text(Self.article).split(separator: "\n").filter {
      $0.hasPrefix("| `Sources/")
    }
    let explained = rows.map { String($0.dropFirst(3).prefix { $0 != "`" }) }.sorted()
    let found = try Self.unchecked()
    #expect(found == explained, "a row for each: | `path` | what | why it is sound |")
  }

  /// The path of a file once for each such word in its code, comments left out.
  static func unchecked() throws -> [String] {
    let sources = repository.appendingPathComponent("Sources").path
    let files = FileManager.default.enumerator(atPath: sources)!.compactMap { $0 as? String }
    return try files.filter { $0.hasSuffix(".swift") }.flatMap { file in
      try text("\(sources)/\(file)").split(separator: "\n").flatMap { line in
        let code = line.prefix(upTo: line.range(of: "//")?.lowerBound ?? line.endIndex)
        return words.filter { code.contains($0) }.map { _ in "Sources/\(file)" }
      }
    }.sorted()
  }

  private static func text(_ path: String) throws -> String {
    String(decoding: try readFile(path), as: UTF8.self)
  }
}
