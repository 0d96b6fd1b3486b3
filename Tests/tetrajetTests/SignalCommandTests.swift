import Foundation
import TestSupport
import Testing

@Suite("Signals stop or save a training", .serialized)
struct SignalCommandTests {
  /// Starts a training that lasts until it is stopped, with 1,437 steps an epoch, and waits for its first line of metrics.
  private func running(_ folder: String, _ arguments: [String] = []) throws -> Process {
    let process = try start(
      ["train", "--epochs", "10000", "--method", "fp32", "--output", "\(folder)/run", "--set"]
        + ["training.batch_size=1", "--set", "training.log_every=1"] + arguments,
      errors: "\(folder)/errors")
    try #require(wait(for: process) { lines("\(folder)/run/metrics.jsonl") > 0 })
    return process
  }

  private func end(_ process: Process, _ signal: Int32) {
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
  }

  @Test("SIGUSR1 saves in mid-epoch, and the training goes on")
  func save() throws {
    try withTemporaryFolder { folder in
      let process = try running(folder)
      let run = "\(folder)/run"
      kill(process.processIdentifier, SIGUSR1)
      #expect(wait(for: process) { text("\(folder)/errors").contains("saved after step ") })
      let before = lines("\(run)/metrics.jsonl")
      #expect(wait(for: process) { lines("\(run)/metrics.jsonl") > before })
      #expect(FileManager.default.fileExists(atPath: "\(run)/resume.safetensors"))
      end(process, SIGKILL)
      let words = text("\(folder)/errors").split(whereSeparator: { " ,".contains($0) })
      let step = try #require(words.firstIndex(of: "step").map { words[$0 + 1] })
      let resumed = try start(["train", "--resume", run], errors: "\(folder)/resumed")
      #expect(wait(for: resumed) { text("\(folder)/resumed").contains("resumed at step ") })
      end(resumed, SIGTERM)
      // A second signal may have been one too many for what it saved; the first was not.
      #expect(text("\(folder)/resumed").contains("resumed at step \(step);"))
    }
  }

  @Test("a closing terminal's SIGHUP, sent twice, saves and ends with 129")
  func hangup() throws {
    try withTemporaryFolder { folder in
      let process = try running(folder)
      while process.isRunning {
        kill(process.processIdentifier, SIGHUP)
        usleep(500)
      }
      process.waitUntilExit()
      #expect(process.terminationReason == .exit && process.terminationStatus == 129)
      #expect(text("\(folder)/errors").contains("which is saved; go on with"))
    }
  }
}
