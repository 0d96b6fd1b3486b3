import Files
import Foundation
import TestSupport
import Testing

/// A training on the digits that lasts a few seconds, with a checkpoint every few steps.
private func training(epochs: Int) -> [String] {
  [
    "train", "--data", "digits", "--epochs", "\(epochs)", "--set", "training.log_every=7", "--set",
    "statistics.interval=45", "--set",
    "checkpoint.every_steps=7",
  ]
}

@Suite("Runs survive kills, signals, damage and changes", .serialized)
struct ResumeCommandTests {
  /// A run was over before it could be disturbed.
  private struct EndedTooEarly: Error {}

  /// Waits until a run can be disturbed.
  private func wait(_ process: Process, for isReady: () throws -> Bool) throws {
    guard try tetrajetTests.wait(for: process, until: isReady), process.isRunning else {
      throw EndedTooEarly()
    }
  }

  /// Does what disturbs a run, which is a race against its end: where it ends first, again with one of four times the epochs.
  private func disturbing(_ body: (_ folder: String, _ epochs: Int) throws -> Void) throws {
    for epochs in [10, 40, 160] {
      do {
        return try withTemporaryFolder { try body($0, epochs) }
      } catch is EndedTooEarly {}
    }
    Issue.record("no run lasted long enough to be disturbed")
  }

  /// Metrics without what depends on the clock.
  private func metrics(_ run: String) throws -> [String] {
    try jsonLines("\(run)/metrics.jsonl").map { line in
      let kept = line.filter {
        !$0.key.hasSuffix("_seconds")
          && !["images_per_second", "loader_wait_share"].contains($0.key)
      }
      let text = try JSONSerialization.data(withJSONObject: kept, options: .sortedKeys)
      return String(decoding: text, as: UTF8.self)
    }
  }

  /// Trains without a disturbance.
  private func whole(
    _ folder: String, epochs: Int, _ arguments: [String] = []
  ) throws -> String {
    let run = "\(folder)/whole"
    let result = try tetrajet(training(epochs: epochs) + arguments + ["--output", run])
    try #require(result.status == 0, "\(result.errors)")
    return run
  }

  @Test(
    "killed again and again, in mid-epoch, while a checkpoint is written and in a detection, a run ends with the same bytes",
    arguments: [
      ["tetrajet"], ["microscaling+qema"], ["tetrajet+dampen", "dampen.start=0"],
      ["tetrajet", "training.micro_batch=8", "schedule.unit=epoch", "schedule.lag_epochs=1"],
      ["fp32", "training.average_decay=0.9"], ["int4-xi", "training.micro_batch=16"],
      ["tetrajet", "model.attention=bf16"],
      ["tetrajet+qramping", "qramping.update_every=20", "qramping.detection_steps=15"],
      ["tetrajet+freeze", "freeze.start=0.02", "freeze.momentum=0.1"],
      [
        "tetrajet+qema+oscireset", "oscireset.start=0.02", "oscireset.period=70",
        "oscireset.window=60",
      ],
    ])
  func kills(method: [String]) throws {
    try disturbing { folder, epochs in
      let arguments = ["--method", method[0]] + method.dropFirst().flatMap { ["--set", $0] }
      let whole = try whole(folder, epochs: epochs, arguments)
      let run = "\(folder)/killed"
      var process = try start(training(epochs: epochs) + arguments + ["--output", run])
      for attempt in 0..<3 {
        let before = lines("\(run)/metrics.jsonl")
        try wait(process) {
          guard lines("\(run)/metrics.jsonl") >= before + 5 + 7 * attempt else { return false }
          // One kill hits a file that is half written.
          return attempt != 1
            || (try? FileManager.default.contentsOfDirectory(atPath: run))?
              .contains { $0.hasSuffix(".partial") } == true
        }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        process = try start(["train", "--resume", run], errors: "\(folder)/errors\(attempt)")
      }
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      let errors = try (0..<3).map {
        String(decoding: try readFile("\(folder)/errors\($0)"), as: UTF8.self)
      }
      #expect(errors.allSatisfy { $0.contains("resumed at step") }, "\(errors)")
      for file in ["last.safetensors", "best.safetensors"] {
        #expect(try readFile("\(run)/\(file)") == readFile("\(whole)/\(file)"), "\(file)")
      }
      #expect(try metrics(run) == metrics(whole))
      let names = try FileManager.default.contentsOfDirectory(atPath: run)
      #expect(!names.contains { $0.hasSuffix(".partial") || $0.contains("damaged") }, "\(names)")
    }
  }

  @Test(
    "SIGINT and SIGTERM finish the step, save, say how to resume, and exit with 130 and 143",
    arguments: [SIGINT, SIGTERM])
  func signals(signal: Int32) throws {
    try disturbing { folder, epochs in
      let whole = try whole(folder, epochs: epochs)
      let run = "\(folder)/run"
      let process = try start(
        training(epochs: epochs) + ["--output", run], errors: "\(folder)/errors")
      try wait(process) { lines("\(run)/metrics.jsonl") >= 9 }
      kill(process.processIdentifier, signal)
      process.waitUntilExit()
      if process.terminationStatus == 0 { throw EndedTooEarly() }
      #expect(process.terminationReason == .exit && process.terminationStatus == 128 + signal)
      let errors = String(decoding: try readFile("\(folder)/errors"), as: UTF8.self)
      #expect(errors.contains("go on with: tetrajet train --resume \(run)\n"), "\(errors)")
      let resumed = try tetrajet("train", "--resume", run)
      // Not one step is done twice.
      let words = errors.split(separator: " ")
      let step = try #require(words.firstIndex(of: "step").map { words[$0 + 1] })
      #expect(
        resumed.errors.contains("resumed at step \(step);"), "\(resumed.errors) after \(errors)")
      #expect(try readFile("\(run)/last.safetensors") == readFile("\(whole)/last.safetensors"))
      #expect(try metrics(run) == metrics(whole))
    }
  }

  @Test("a second signal ends the run at once, and its last checkpoint is good")
  func secondSignal() throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      // Steps that take a while, so that the second signal comes before the first one is heeded.
      let process = try start(
        ["train", "--data", "digits", "--output", run, "--threads", "1", "--engine", "simulated"]
          + [
            "training.batch_size=1437", "checkpoint.every_steps=1", "model.width=256",
            "model.depth=6",
          ]
          .flatMap { ["--set", $0] }, errors: "\(folder)/stopped")
      try wait(process) {
        FileManager.default.fileExists(atPath: "\(run)/resume.previous.safetensors")
      }
      // Both lie ready when it goes on, within one step; which one comes first is the system's choice.
      for signal in [SIGSTOP, SIGINT, SIGTERM, SIGCONT] { kill(process.processIdentifier, signal) }
      process.waitUntilExit()
      #expect(process.terminationReason == .exit)
      #expect([130, 143].contains(process.terminationStatus))
      #expect(!text("\(folder)/stopped").contains("stopped after step"))
      let resumed = try start(["train", "--resume", run], errors: "\(folder)/errors")
      try wait(resumed) { lines("\(folder)/errors") > 0 }
      kill(resumed.processIdentifier, SIGKILL)
      resumed.waitUntilExit()
      let errors = String(decoding: try readFile("\(folder)/errors"), as: UTF8.self)
      #expect(errors.contains("resumed at step"), "\(errors)")
    }
  }

  /// A run that was stopped in its midst, with two checkpoints.
  private func stopped(_ folder: String, epochs: Int) throws -> String {
    let run = "\(folder)/stopped"
    let process = try start(training(epochs: epochs) + ["--output", run])
    try wait(process) { lines("\(run)/metrics.jsonl") >= 9 }
    kill(process.processIdentifier, SIGTERM)
    process.waitUntilExit()
    if process.terminationStatus == 0 { throw EndedTooEarly() }
    try #require(process.terminationStatus == 143)
    return run
  }

  private func damage(_ path: String) throws {
    var bytes = try readFile(path)
    bytes[bytes.count - 1000] ^= 16
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  @Test("a damaged checkpoint is named, and the one before it serves")
  func damaged() throws {
    try disturbing { folder, epochs in
      let whole = try whole(folder, epochs: epochs)
      let run = try stopped(folder, epochs: epochs)
      try damage("\(run)/resume.safetensors")
      let resumed = try tetrajet("train", "--resume", run)
      #expect(resumed.status == 0)
      #expect(
        resumed.errors.contains("resume.safetensors: is damaged")
          && resumed.errors.contains("going on from the checkpoint before it"), "\(resumed.errors)")
      #expect(try readFile("\(run)/last.safetensors") == readFile("\(whole)/last.safetensors"))
      #expect(try metrics(run) == metrics(whole))

      for name in ["resume", "resume.previous"] { try damage("\(run)/\(name).safetensors") }
      let refused = try tetrajet("train", "--resume", run)
      #expect(refused.status == 65 && refused.errors.contains("neither checkpoint can be read"))
      try damage("\(run)/last.safetensors")
      let eval = try tetrajet("eval", run)
      #expect(eval.status == 65 && eval.errors.contains("last.safetensors: is damaged"))
    }
  }

  @Test("a changed recipe is refused with the keys that differ, unless told to go on")
  func changedRecipe() throws {
    try disturbing { folder, epochs in
      let run = try stopped(folder, epochs: epochs)
      let before = try readFile("\(run)/recipe.yaml")
      let refused = try tetrajet(
        "train", "--resume", run, "--seed", "9", "--set", "optimizer.learning_rate=0.001")
      #expect(refused.status == 64)
      #expect(
        refused.errors.contains("seed was 0, is 9; optimizer.learning_rate was 0.003, is 0.001; ")
          && refused.errors.contains("--allow-changes"), "\(refused.errors)")
      #expect(try readFile("\(run)/recipe.yaml") == before)
      let told = try tetrajet(
        "train", "--resume", run, "--epochs", "\(epochs + 1)", "--allow-changes")
      #expect(told.status == 0, "\(told.errors)")
      #expect(try jsonLines("\(run)/metrics.jsonl").last?["epoch"] as? Int == epochs)
      #expect(
        String(decoding: try readFile("\(run)/recipe.yaml"), as: UTF8.self).contains(
          "epochs: \(epochs + 1)"))
      let kept = try FileManager.default.contentsOfDirectory(atPath: run)
        .first { $0.hasPrefix("recipe.until-step-") }
      #expect(try readFile("\(run)/\(try #require(kept))") == before)
    }
  }

  @Test("keys that change no result may change, and an edited recipe.yaml is noticed")
  func freeKeys() throws {
    try disturbing { folder, epochs in
      let whole = try whole(folder, epochs: epochs)
      let run = try stopped(folder, epochs: epochs)
      let yaml = String(decoding: try readFile("\(run)/recipe.yaml"), as: UTF8.self)
      try writeFileAtomically(
        "\(run)/recipe.yaml", text: yaml.replacing("weight_decay: 0.05", with: "weight_decay: 0.06")
      )
      let refused = try tetrajet("train", "--resume", run)
      #expect(
        refused.status == 64
          && refused.errors.contains("optimizer.weight_decay was 0.05, is 0.06"),
        "\(refused.errors)")
      try writeFileAtomically("\(run)/recipe.yaml", text: yaml)
      let resumed = try tetrajet(
        "train", "--resume", run, "--threads", "1", "--set", "data.workers=1", "--set",
        "checkpoint.every_steps=0")
      #expect(resumed.status == 0, "\(resumed.errors)")
      #expect(try readFile("\(run)/last.safetensors") == readFile("\(whole)/last.safetensors"))
    }
  }
}
