import Files
import Foundation
import TestSupport
import Testing
import Training

/// Threads and workers are fixed, so that a machine of many processors does what one of two does; and
/// which batches lie ready at what moment is some ten kilobytes here.
@Suite("A run says what memory it takes before it takes it", .serialized)
struct MemoryCommandTests {
  private static let large = [
    "train", "--threads", "2", "--epochs", "1", "--set", "model.image_size=32", "--set",
    "training.batch_size=512",
  ]

  @Test(
    "the estimate lies within 10 % of the peak",
    arguments: ["fp32", "tetrajet+qramping", "tetrajet+freeze"])
  func estimate(_ method: String) throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      let result = try tetrajet(
        "train", "--method", method, "--epochs", "3", "--threads", "2", "--output", run)
      #expect(result.status == 0, "\(result.errors)")
      let summary = try RunSummary(path: "\(run)/summary.json")
      let estimate = try #require(summary.estimatedMemoryMB)
      #expect(
        abs(estimate / summary.peakMemoryMB - 1) < 0.1,
        "\(estimate) MiB expected, \(summary.peakMemoryMB) measured")
      #expect(result.errors.contains("about \(Int(estimate.rounded())) MiB of memory"))
      // Summaries of older versions do not say it.
      let path = "\(run)/older.json"
      let older = try String(decoding: readFile("\(run)/summary.json"), as: UTF8.self)
        .split(separator: "\n").filter { !$0.contains("estimated_memory_mb") }
      try Data(older.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: path))
      #expect(try RunSummary(path: path).estimatedMemoryMB == nil)
    }
  }

  @Test("so it does where activations are most of it")
  func activations() throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      let result = try tetrajet(Self.large + ["--output", run])
      #expect(result.status == 0, "\(result.errors)")
      let summary = try RunSummary(path: "\(run)/summary.json")
      let estimate = try #require(summary.estimatedMemoryMB)
      #expect(summary.peakMemoryMB > 80 && abs(estimate / summary.peakMemoryMB - 1) < 0.1)
    }
  }

  @Test("what the backward pass computes again changes memory, and no weight")
  func recomputation() throws {
    try withTemporaryFolder { folder in
      func train(_ value: String, _ extra: [String] = []) throws -> CommandResult {
        try tetrajet(
          Self.large + extra + [
            "--output", "\(folder)/\(value)", "--json", "--set", "training.recompute=\(value)",
          ])
      }
      let runs = try ["none", "block"].map { value in
        let result = try train(value)
        #expect(result.status == 0, "\(result.errors)")
        let line = try #require(
          JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        let estimate = try #require(line["estimated_memory_mb"] as? Double)
        let peak = try #require(line["peak_memory_mb"] as? Double)
        #expect(abs(estimate / peak - 1) < 0.1, "\(value): \(estimate) MiB expected, \(peak) taken")
        return (hash: try #require(line["weights_sha256"] as? String), peak: peak)
      }
      #expect(runs[0].hash == runs[1].hash && runs[0].peak > 1.2 * runs[1].peak, "\(runs)")
      // Between the two, the cheaper way is what is named first.
      let limit = Int((runs[0].peak + runs[1].peak) / 2)
      let refused = try tetrajet(
        Self.large + [
          "--output", "\(folder)/refused", "--set", "training.recompute=none", "--memory-limit",
          "\(limit)",
        ])
      expectRefused(
        refused, ["; try training.recompute="], run: "\(folder)/refused")
    }
  }

  /// Expects a run to be refused in one line, with nothing written.
  private func expectRefused(_ result: CommandResult, _ words: [String], run: String) {
    #expect(result.status == 64 && result.output.isEmpty, "\(result.errors)")
    #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
    for word in words { #expect(result.errors.contains(word), "'\(word)' in: \(result.errors)") }
    #expect(!FileManager.default.fileExists(atPath: run))
  }

  @Test("a run above --memory-limit is refused with its parts, and fits by what is advised")
  func refusal() throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      let refused = try tetrajet(Self.large + ["--output", run, "--memory-limit", "80MiB"])
      expectRefused(
        refused,
        [
          "the run takes about", "activations ", "the process itself", "--memory-limit is 80 MiB",
          "try training.micro_batch=", "or training.batch_size=",
        ], run: run)
      let pieces = try #require(
        refused.errors.split(separator: "training.micro_batch=").last?.prefix { $0.isNumber })
      let inPieces = try tetrajet(
        Self.large + [
          "--output", "\(folder)/pieces", "--memory-limit", "82MiB", "--set",
          "training.micro_batch=\(pieces)",
        ])
      #expect(inPieces.status == 0, "\(inPieces.errors)")
      let peak = try RunSummary(path: "\(folder)/pieces/summary.json").peakMemoryMB
      #expect(peak < 95, "\(peak)")
      let words = refused.errors.split(separator: "training.batch_size=")
      let batch = try #require(Int(words.last?.prefix { $0.isNumber } ?? ""))
      #expect(batch > 1 && batch < 512)
      let fitting = Self.large + ["--output", run, "--memory-limit", "82MiB", "--set"]
      let admitted = try tetrajet(fitting + ["training.batch_size=\(batch)"])
      #expect(admitted.status == 0, "\(admitted.errors)")
      // It binds a resumed run just as well, and leaves that as it was.
      let resumed = try tetrajet("train", "--resume", run, "--memory-limit", "10")
      #expect(resumed.status == 64 && resumed.errors.contains("--memory-limit is 10 MiB"))
      #expect(try tetrajet("train", "--resume", run, "--memory-limit", "1G").status == 0)
    }
  }

  @Test(
    "a size that is none is named", arguments: ["lots", "-5", "0", "4 apples", "99999999T"])
  func nonsense(_ size: String) throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      let result = try tetrajet("train", "--output", run, "--memory-limit=\(size)")
      expectRefused(result, ["--memory-limit", "900MiB, 4GiB or 2G"], run: run)
    }
  }

  #if os(Linux)
    @Test("without the flag, what 'ulimit -v' leaves is the limit")
    func addresses() throws {
      try withTemporaryFolder { folder in
        let (run, errors) = ("\(folder)/run", "\(folder)/errors")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments =
          [
            "-c", "ulimit -v 1500000; exec \"$0\" \"$@\" 2> '\(errors)'", commandURL.path,
          ] + Self.large + [
            "--output", run, "--set", "model.image_size=64", "--set", "training.batch_size=1437",
          ]
        try process.run()
        process.waitUntilExit()
        let text = String(decoding: try readFile(errors), as: UTF8.self)
        expectRefused(
          CommandResult(status: process.terminationStatus, output: "", errors: text),
          ["what 'ulimit -v' leaves is ", "training.batch_size="], run: run)
      }
    }
  #endif
}
