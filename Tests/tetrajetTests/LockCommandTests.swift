import Foundation
import TestSupport
import Testing

@Suite("Two trainings never write to one folder", .serialized)
struct LockCommandTests {
  private func running(_ folder: String) throws -> (Process, run: String) {
    let run = "\(folder)/run"
    let process = try start(
      ["train", "--epochs", "100000", "--method", "fp32", "--output", run])
    try #require(
      wait(for: process) { FileManager.default.fileExists(atPath: "\(run)/resume.safetensors") })
    return (process, run)
  }

  private func expectRefused(_ arguments: String..., by process: Process) throws {
    let result = try tetrajet(arguments)
    #expect(result.status == 64 && lines(result.errors) == 1, "\(result.errors)")
    #expect(
      result.errors.contains("is being written by process \(process.processIdentifier) on "),
      "\(result.errors)")
  }

  private func lines(_ text: String) -> Int { text.split(separator: "\n").count }

  @Test("a resume of a run that goes on is refused in one line; of a killed one, it is not")
  func resume() throws {
    try withTemporaryFolder { folder in
      let (process, run) = try running(folder)
      try expectRefused("train", "--resume", run, by: process)
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      let first = try start(["train", "--resume", run], errors: "\(folder)/errors")
      #expect(wait(for: first) { text("\(folder)/errors").contains("resumed at step") })
      try expectRefused("train", "--resume", run, by: first)
      kill(first.processIdentifier, SIGTERM)
      first.waitUntilExit()
      #expect(first.terminationStatus == 143)
      #expect(!FileManager.default.fileExists(atPath: "\(run)/.lock"))
    }
  }

  @Test("a run in a folder where another has not yet saved anything is refused in one line")
  func output() throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      // Steps so long that the first checkpoint is far away.
      let process = try start(
        ["train", "--epochs", "100000", "--output", run, "--set", "training.batch_size=1"])
      #expect(wait(for: process) { FileManager.default.fileExists(atPath: "\(run)/recipe.yaml") })
      try expectRefused("train", "--epochs", "1", "--output", run, by: process)
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
  }

  @Test("runs without --output that start in the same second get folders of their own")
  func defaultNames() throws {
    try withTemporaryFolder { folder in
      let processes = try (0..<4).map { _ in
        let process = Process()
        process.executableURL = commandURL
        process.arguments = ["train", "--epochs", "1", "--method", "fp32"]
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
      }
      for process in processes {
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
      }
      let runs = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/runs")
      #expect(runs.count == 4, "\(runs)")
      for run in runs {
        #expect(FileManager.default.fileExists(atPath: "\(folder)/runs/\(run)/summary.json"))
      }
    }
  }
}
