import Files
import Foundation
import ImageData
import TestSupport
import Testing

@Suite("A standard stream that is dead costs its text, and results end with 74", .serialized)
struct StandardStreamTests {
  /// How a stream can be dead.
  enum Fault: String, CaseIterable {
    case closed, full, broken

    /// Those that the system can make.
    static var all: [Fault] {
      allCases.filter { $0 != .full || FileManager.default.fileExists(atPath: "/dev/full") }
    }
  }

  /// Runs the command with a dead stream; the other one goes to a file.
  ///
  /// - Returns: its exit status and what it wrote to the other stream.
  private func run(
    _ arguments: [String], _ stream: Int32, _ fault: Fault
  ) throws -> (status: Int32, text: String) {
    try withTemporaryFolder { folder in
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/bin/sh")
      let redirection = ["closed": "\(stream)>&-", "full": "\(stream)>/dev/full"][fault.rawValue]
      process.arguments =
        ["-c", "exec \"$0\" \"$@\" \(redirection ?? "")", commandURL.path] + arguments
      let other = "\(folder)/other"
      try Data().write(to: URL(fileURLWithPath: other))
      let file = try FileHandle(forWritingTo: URL(fileURLWithPath: other))
      let pipe = Pipe()
      // Nobody will ever read it.
      if fault == .broken { try pipe.fileHandleForReading.close() }
      let dead: Any = fault == .broken ? pipe : FileHandle.nullDevice
      process.standardOutput = stream == STDOUT_FILENO ? dead : file
      process.standardError = stream == STDERR_FILENO ? dead : file
      try process.run()
      process.waitUntilExit()
      try #require(process.terminationReason == .exit, "\(arguments): a signal ended it")
      return (process.terminationStatus, String(decoding: try readFile(other), as: UTF8.self))
    }
  }

  /// A run of one epoch and a picture, for the commands that need such.
  private func prepare(_ folder: String) throws -> (run: String, image: String) {
    let run = "\(folder)/run"
    let trained = try tetrajet("train", "--epochs", "1", "--method", "fp32", "--output", run)
    try #require(trained.status == 0, "\(trained.errors)")
    let image = Image(
      width: 8, height: 8, channels: 1, pixels: (0..<64).map { UInt8($0 * 4) })
    try Data(PNGEncoder.encode(image, name: "image"))
      .write(to: URL(fileURLWithPath: "\(folder)/image.png"))
    return (run, "\(folder)/image.png")
  }

  @Test(
    "what is said on standard error is lost, and the command does its work", arguments: Fault.all)
  func errors(_ fault: Fault) throws {
    try withTemporaryFolder { folder in
      let (run, image) = try prepare(folder)
      let good: [[String]] = [
        ["train", "--epochs", "1", "--method", "fp32", "--output", "\(folder)/again"],
        ["eval", run], ["predict", run, image], ["compare", run], ["data", "digits"], ["models"],
        ["report", run, "-o", "\(folder)/report.html"],
        ["augment", image, "\(folder)/sheet.png", "--size", "8"],
        ["quantize", "\(run)/last.safetensors", "\(folder)/quantized.safetensors"],
        ["bench", "quantize", "--batch", "1", "--repeats", "1"],
      ]
      for arguments in good {
        let result = try self.run(arguments, STDERR_FILENO, fault)
        #expect(result.status == 0, "\(arguments)")
      }
      // No text has got into a file that took the stream's number.
      #expect(
        try readFile("\(folder)/again/last.safetensors") == readFile("\(run)/last.safetensors"))
      let bad: [([String], Int32)] = [
        (["train", "--nonsense"], 64), (["eval", "\(folder)/none"], 74),
        (["predict", run, "\(folder)/none"], 74), (["compare", folder], 65),
        (["trace", "\(folder)/none", "\(folder)/out", "--method", "fp32"], 74),
        (["demo", "--epochs", "0"], 64),
      ]
      for (arguments, status) in bad {
        #expect(try self.run(arguments, STDERR_FILENO, fault).status == status, "\(arguments)")
      }
    }
  }

  @Test("results that cannot be written to standard output end with 74", arguments: Fault.all)
  func output(_ fault: Fault) throws {
    try withTemporaryFolder { folder in
      let (run, image) = try prepare(folder)
      let printing: [[String]] = [
        ["--help"], ["train", "--help"], ["train", "--resume", run, "--json"],
        ["eval", run], ["eval", run, "--json"], ["predict", run, image], ["compare", run],
        ["compare", run, "--json"], ["data", "digits"], ["data", "digits", "--json"], ["models"],
        ["quantize", "\(run)/last.safetensors", "\(folder)/quantized.safetensors"],
        ["bench", "quantize", "--batch", "1", "--repeats", "1"],
        ["bench", "loader", "--data", "digits", "--repeats", "1", "--json"],
        ["demo", "--epochs", "1", "--json"],
      ]
      for arguments in printing {
        let result = try self.run(arguments, STDOUT_FILENO, fault)
        #expect(result.status == 74, "\(arguments): \(result.text)")
        #expect(result.text.contains("tetrajet: cannot write standard output: "), "\(arguments)")
      }
    }
  }

  @Test("the demo's table counts as its result")
  func demo() throws {
    let result = try run(["demo", "--epochs", "1"], STDOUT_FILENO, .closed)
    #expect(result.status == 74 && result.text.contains("cannot write standard output"))
  }
}
