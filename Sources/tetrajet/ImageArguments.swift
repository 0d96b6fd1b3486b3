import ArgumentParser
import Files
import Foundation
import ImageData

/// The images that a command is given: files, folders with all that is in them, patterns that the shell has left alone, and `-`
/// for names on standard input.
struct ImageArguments {
  /// The files in the order of the arguments.
  private(set) var files: [String] = []
  /// What folders hold beside images: a line for each.
  private(set) var remarks: [String] = []

  /// - Throws: `FileError` where a folder or standard input cannot be read, `ImageArgumentError` where a folder holds no image.
  init(_ arguments: [String]) throws {
    for argument in arguments {
      if argument == "-" {
        for name in try Self.standardInput() { try add(name) }
      } else {
        try add(argument)
      }
    }
  }

  private mutating func add(_ path: String) throws {
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) {
      guard isFolder.boolValue else { return files.append(path) }
      let folder = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
      let found = try ImageFiles(in: folder)
      guard !found.images.isEmpty else {
        throw ImageArgumentError(folder: path, others: found.passedOver)
      }
      files += found.images
      let others = found.passedOver
      if others.count > 0 {
        remarks.append(
          "passed over in \(path), no images to be read here: \(others.count) (\(others.summary))")
      }
    } else {
      let matches = Self.matches(path)
      // Without a match it is the name of a file that is not there, which reading it will say.
      if matches.isEmpty { files.append(path) } else { try matches.forEach { try add($0) } }
    }
  }

  /// The files of a pattern of the shell's kind, sorted.
  private static func matches(_ pattern: String) -> [String] {
    guard pattern.contains(where: { "*?[".contains($0) }) else { return [] }
    var found = glob_t()
    defer { globfree(&found) }
    guard glob(pattern, 0, nil, &found) == 0 else { return [] }
    return (0..<Int(found.gl_pathc)).compactMap { found.gl_pathv[$0].map { String(cString: $0) } }
  }

  /// One name a line; or, where there are NULs, as of `find -print0`, one between each two.
  private static func standardInput() throws -> [String] {
    let data: Data
    do {
      data = try FileHandle.standardInput.readToEnd() ?? Data()
    } catch { throw FileError("read", "standard input") }
    let separator: UInt8 = data.contains(0) ? 0 : UInt8(ascii: "\n")
    return data.split(separator: separator).map { line in
      let isWindows = separator != 0 && line.last == UInt8(ascii: "\r")
      return String(decoding: isWindows ? line.dropLast() : line, as: UTF8.self)
    }.filter { !$0.isEmpty }
  }
}

/// A folder that was to hold images.
struct ImageArgumentError: ReportableError {
  let folder: String
  /// What it holds instead.
  let others: PassedOver
  var category: ErrorCategory { .badData }
  var description: String {
    let found = others.count > 0 ? " (but \(others.summary))" : ""
    return oneLine(
      "\(folder) holds no image\(found); images end in .jpg, .png and the like, and folders are "
        + "looked through to the bottom")
  }
}
