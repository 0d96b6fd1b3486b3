import Files
import Foundation
import TestSupport

/// A grey PNG file of one pixel.
let onePixelImage = ModelCommandTests.onePixel

/// Writes files with the folders they lie in.
func write(_ bytes: Data, _ folder: String, _ names: [String]) throws {
  for name in names {
    let file = URL(fileURLWithPath: "\(folder)/\(name)")
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try bytes.write(to: file)
  }
}

/// Class folders with `count` images of a pixel each, for each class.
func writeClasses(_ folder: String, _ classes: [String], count: Int) throws {
  try write(
    onePixelImage, folder, classes.flatMap { name in (0..<count).map { "\(name)/\($0).png" } })
}

/// A training of a model so small that it takes no time.
let smallTraining =
  ["train", "--epochs", "1", "--method", "fp32"]
  + [
    "model.image_size=8", "model.patch_size=4", "model.width=16", "model.depth=1", "model.heads=2",
    "data.crop_padding=0", "statistics.enabled=false", "training.batch_size=4",
  ].flatMap { ["--set", $0] }

/// Runs the command to its end, started in a folder.
func tetrajet(in folder: String, _ arguments: [String]) throws -> CommandResult {
  try runProgram(commandURL, in: folder, arguments)
}

/// Runs a program to its end, started in a folder.
func runProgram(
  _ program: URL, in folder: String = "/", _ arguments: [String]
) throws -> CommandResult {
  try withTemporaryFolder { results in
    let process = Process()
    let files = try ["out", "err"].map { name in
      try Data().write(to: URL(fileURLWithPath: "\(results)/\(name)"))
      return try FileHandle(forWritingTo: URL(fileURLWithPath: "\(results)/\(name)"))
    }
    process.executableURL = program
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    (process.standardOutput, process.standardError) = (files[0], files[1])
    try process.run()
    process.waitUntilExit()
    let texts = try ["out", "err"].map {
      String(decoding: try readFile("\(results)/\($0)"), as: UTF8.self)
    }
    return CommandResult(status: process.terminationStatus, output: texts[0], errors: texts[1])
  }
}
