import Files
import Foundation
import TestSupport

/// What a run of the built command left.
struct CommandResult {
  let status: Int32
  let output: String
  let errors: String
}

/// The command as the package manager built it, beside the tests.
let commandURL = builtProgram("tetrajet")

/// A program that the package manager built beside the tests.
private func builtProgram(_ name: String) -> URL {
  var folder = Bundle.main.executableURL!.deletingLastPathComponent()
  // Inside a bundle on macOS the command lies some folders up.
  while folder.path != "/" {
    let candidate = folder.appendingPathComponent(name)
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: candidate.path, isDirectory: &isFolder),
      !isFolder.boolValue
    {
      return candidate
    }
    folder.deleteLastPathComponent()
  }
  preconditionFailure("the built \(name) was not found beside the tests")
}

/// Starts the command, or another program; what it prints goes to files, not pipes, which nobody would read while they fill.
func start(
  _ arguments: [String], environment: [String: String] = [:], output: String? = nil,
  errors: String? = nil, program: URL = commandURL
) throws -> Process {
  func handle(_ path: String?) throws -> FileHandle {
    guard let path else { return .nullDevice }
    try Data().write(to: URL(fileURLWithPath: path))
    return try FileHandle(forWritingTo: URL(fileURLWithPath: path))
  }
  let process = Process()
  process.executableURL = program
  process.arguments = arguments
  process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  process.standardOutput = try handle(output)
  process.standardError = try handle(errors)
  try process.run()
  return process
}

/// Runs the command to its end.
func tetrajet(_ arguments: String..., environment: [String: String] = [:]) throws -> CommandResult {
  try tetrajet(arguments, environment: environment)
}

/// Runs the command to its end.
func tetrajet(_ arguments: [String], environment: [String: String] = [:]) throws -> CommandResult {
  try run(commandURL, arguments, environment: environment)
}

/// Runs a program that is built beside the command to its end.
func runBuilt(_ name: String, _ arguments: [String]) throws -> CommandResult {
  try run(builtProgram(name), arguments, environment: [:])
}

private func run(
  _ program: URL, _ arguments: [String], environment: [String: String]
) throws -> CommandResult {
  try withTemporaryFolder { folder in
    let (out, err) = ("\(folder)/out", "\(folder)/err")
    let process = try start(
      arguments, environment: environment, output: out, errors: err, program: program)
    process.waitUntilExit()
    let texts = try [out, err].map { String(decoding: try readFile($0), as: UTF8.self) }
    return CommandResult(status: process.terminationStatus, output: texts[0], errors: texts[1])
  }
}

/// The objects of a file with one JSON object a line.
func jsonLines(_ path: String) throws -> [[String: Any]] {
  try String(decoding: readFile(path), as: UTF8.self).split(separator: "\n").map {
    try JSONSerialization.jsonObject(with: Data($0.utf8)) as! [String: Any]
  }
}

/// Waits until `isReady`, as long as a process runs; returns whether that came true.
func wait(for process: Process, until isReady: () throws -> Bool) rethrows -> Bool {
  while try !isReady() {
    guard process.isRunning else { return try isReady() }
    usleep(500)
  }
  return true
}

/// The text of a file so far; empty where there is none.
func text(_ path: String) -> String { String(decoding: (try? readFile(path)) ?? [], as: UTF8.self) }

/// How many lines a file has so far.
func lines(_ path: String) -> Int { text(path).utf8.count { $0 == UInt8(ascii: "\n") } }

/// Runs a line of the shell to its end.
func runShell(_ line: String) throws -> CommandResult {
  try run(URL(fileURLWithPath: "/bin/sh"), ["-c", line], environment: [:])
}
