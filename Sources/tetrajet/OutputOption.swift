import ArgumentParser
import Files

/// The option of every subcommand that writes a file the user names.
struct OutputOption: ParsableArguments {
  @Flag(help: "Replace the output file where there is one already. An input is never replaced.")
  var force = false

  /// The file that a name stands for, refused where it must not be written.
  ///
  /// - Parameter inputs: the files that the subcommand reads.
  /// - Throws: `OutputError`, `FileError`.
  func file(_ path: String, inputs: [String]) throws -> OutputFile {
    try OutputFile(path, inputs: inputs, replaces: force)
  }

  /// The same for a result of several files.
  ///
  /// - Parameters:
  ///   - files: the names that such a result has.
  ///   - inputs: what the subcommand reads.
  /// - Throws: `OutputError`, `FileError`.
  func folder(_ path: String, files: Set<String>, inputs: [String]) throws -> OutputFolder {
    try OutputFolder(path, files: files, inputs: inputs, replaces: force)
  }
}
