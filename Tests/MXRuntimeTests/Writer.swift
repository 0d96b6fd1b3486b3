import Foundation

/// Writes a file below a folder, with the folders that it needs.
func writer(below root: String) -> (_ path: String, _ text: String) throws -> Void {
  { path, text in
    let url = URL(fileURLWithPath: "\(root)/\(path)")
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url)
  }
}
