import Files
import Foundation
import ImageData
import TestSupport
import Testing

@Suite("Faults of the machine cost a run nothing that was saved", .serialized)
struct FaultCommandTests {
  /// Starts a long run on the digits, and waits for its first checkpoint.
  private func running(_ run: String, errors: String, data: String = "digits") throws -> Process {
    let process = try start(
      ["train", "--data", data, "--epochs", "1000", "--output", run]
        + ["model.width=32", "model.depth=1", "model.image_size=8", "model.patch_size=4"]
        .flatMap { ["--set", $0] }, errors: errors)
    try #require(wait(for: process) { hasCheckpoint(run) })
    return process
  }

  private func hasCheckpoint(_ run: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(run)/resume.safetensors")
  }

  /// The last line on standard error, once a process has ended.
  private func lastLine(_ process: Process, _ path: String) throws -> String {
    process.waitUntilExit()
    return text(path).split(separator: "\n").last.map(String.init) ?? ""
  }

  @Test("an output folder that is removed in mid-run ends it with one line")
  func outputRemoved() throws {
    try withTemporaryFolder { folder in
      let process = try running("\(folder)/run", errors: "\(folder)/errors")
      try FileManager.default.moveItem(atPath: "\(folder)/run", toPath: "\(folder)/moved")
      let line = try lastLine(process, "\(folder)/errors")
      #expect(process.terminationStatus == 74)
      #expect(
        line.contains("cannot") && line.contains("\(folder)/run/")
          && line.contains("No such file or directory"), "\(line)")
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/run"))
      // What was saved is good.
      let eval = try tetrajet("eval", "\(folder)/moved")
      #expect(eval.status == 0, "\(eval.errors)")
    }
  }

  @Test("a file that may not grow leaves the last checkpoint, and nothing half-written")
  func fileSizeLimit() throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      // The checkpoint of the first epoch fits. So do the metrics at first, but they grow.
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/bin/sh")
      process.arguments = [
        "-c", "ulimit -f 500; exec \"$0\" \"$@\"", commandURL.path, "train", "--data", "digits",
        "--epochs", "1000", "--output", run, "--set", "training.log_every=1", "--set",
        "model.width=32", "--set", "model.depth=1", "--set", "statistics.enabled=false",
      ]
      try Data().write(to: URL(fileURLWithPath: "\(folder)/errors"))
      process.standardError = try FileHandle(
        forWritingTo: URL(fileURLWithPath: "\(folder)/errors"))
      try process.run()
      let line = try lastLine(process, "\(folder)/errors")
      #expect(process.terminationStatus == 74, "\(line)")
      #expect(line.contains("cannot write \(run)/") && line.contains("ulimit -f"), "\(line)")
      let names = try FileManager.default.contentsOfDirectory(atPath: run)
      #expect(!names.contains { $0.hasSuffix(".partial") }, "\(names)")
      // Every line is whole, and the run can go on where there is room.
      _ = try jsonLines("\(run)/metrics.jsonl")
      let resumed = try start(["train", "--resume", run], errors: "\(folder)/resumed")
      try #require(wait(for: resumed) { lines("\(folder)/resumed") > 0 })
      kill(resumed.processIdentifier, SIGTERM)
      let last = try lastLine(resumed, "\(folder)/resumed")
      #expect(resumed.terminationStatus == 143 && last.contains("which is saved"), "\(last)")
    }
  }

  @Test(
    "a number that is not finite ends the run with the step and the tensor, and no checkpoint holds it"
  )
  func nonFinite() throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      let good = try tetrajet("train", "--data", "digits", "--epochs", "2", "--output", run)
      try #require(good.status == 0)
      let before = try readFile("\(run)/resume.safetensors")
      // A learning rate that sends the weights away, from the third epoch on.
      let bad = try tetrajet(
        "train", "--resume", run, "--epochs", "3", "--allow-changes", "--set",
        "optimizer.learning_rate=100", "--set", "schedule.final_learning_rate=100", "--set",
        "optimizer.weight_decay=100")
      #expect(bad.status == 70, "\(bad.errors)")
      let line = bad.errors.split(separator: "\n").last ?? ""
      #expect(line.contains("holds a NaN or an infinity at step 9"), "\(line)")
      #expect(bad.errors.contains("The checkpoint of step 90 is good"), "\(bad.errors)")
      #expect(try readFile("\(run)/resume.safetensors") == before)
    }
  }

  @Test("images that are removed in mid-run are named, and too many of them stop it")
  func dataRemoved() throws {
    try withTemporaryFolder { folder in
      for part in ["train", "test"] {
        for name in ["a", "b"] {
          let path = "\(folder)/data/\(part)/\(name)"
          try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
          for index in 0..<40 {
            let image = Image(
              width: 16, height: 16, channels: 3,
              pixels: (0..<768).map { UInt8(truncatingIfNeeded: $0 * (index + 3)) })
            try Data(PNGEncoder.encode(image, name: path))
              .write(to: URL(fileURLWithPath: "\(path)/\(index).png"))
          }
        }
      }
      // Without a cache every epoch reads every image.
      let run = "\(folder)/run"
      let process = try start(
        ["train", "--data", "\(folder)/data", "--epochs", "100000", "--output", run]
          + ["model.width=32", "model.depth=1", "model.heads=2", "data.cache_megabytes=0"].flatMap {
            ["--set", $0]
          },
        errors: "\(folder)/errors")
      try #require(wait(for: process) { hasCheckpoint(run) })
      try FileManager.default.removeItem(atPath: "\(folder)/data/train/a")
      let line = try lastLine(process, "\(folder)/errors")
      #expect(process.terminationStatus == 65, "\(line)")
      #expect(
        line.contains("images cannot be read") && line.contains("/data/train/a/")
          && line.contains("No such file or directory"), "\(line)")
      #expect(
        String(decoding: try readFile("\(folder)/errors"), as: UTF8.self)
          .contains("is good; 'tetrajet train --resume \(run)'"))
    }
  }
}
