import Foundation
import Reports
import TestSupport
import Testing

@Suite("Reading runs")
struct RunRecordTests {
  /// A run folder of these files.
  private func withRun(
    _ files: [String: String], _ body: (String) throws -> Void
  ) throws {
    try withTemporaryFolder { folder in
      for (name, text) in files {
        try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
      }
      try body(folder)
    }
  }

  private static let recipe = "method: tetrajet\nseed: 4\ntraining:\n  epochs: 3\n"

  @Test("an unfinished run says in which epoch it is, and gives its last accuracy")
  func unfinished() throws {
    let metrics = """
      {"step": 10, "epoch": 0, "train_loss": 2.5}
      {"step": 20, "epoch": 0, "train_loss": 2.25, "eval_top1": 41.5, "eval_loss": 2.0}
      {"step": 30, "epoch": 1, "train_loss": 2.0}
      """
    try withRun(["recipe.yaml": Self.recipe, "metrics.jsonl": metrics]) { folder in
      let run = try RunRecord(path: folder)
      #expect(run.summary == nil && run.method == "tetrajet" && run.seed == 4)
      #expect(run.top1 == 41.5 && run.metrics.count == 3 && run.damagedLines == 0)
      let note = try #require(run.notes.first)
      #expect(
        note.hasPrefix("unfinished: stopped, or still running, in epoch 2 of 3 after step 30"))
    }
  }

  @Test("damaged lines are left out and counted; of a step said twice the later line holds")
  func damaged() throws {
    let metrics = """
      {"step": 10, "epoch": 0, "train_loss": 2.5}
      {"step": 20, "epoch": 0, "train_lo
      not json
      {"epoch": 0}
      {"step": 30, "epoch": 0, "train_loss": 1.0}
      {"step": 20, "epoch": 0, "train_loss": 2.0}
      {"step": 30, "epoch": 0, "train_loss": 1.25}
      {"step": 30, "epoch": 0, "train_loss": 1.5}
      """
    try withRun(["recipe.yaml": Self.recipe, "metrics.jsonl": metrics]) { folder in
      let run = try RunRecord(path: folder)
      #expect(run.damagedLines == 3 && run.metrics.map(\.step) == [10, 20, 30])
      #expect(run.metrics.last?["train_loss"] == 1.5)
      #expect(run.notes.contains { $0.contains("left out: 3") })
    }
  }

  @Test("a recipe of another version is said to be one, and its values are read all the same")
  func oldRecipe() throws {
    let recipe = Self.recipe + "flux:\n  capacitor: 3\n"
    try withRun(["recipe.yaml": recipe, "summary.json": "{\"method\": \"tetrajet\"}"]) { folder in
      let run = try RunRecord(path: folder)
      #expect(run.settings["training.epochs"] == "3")
      #expect(run.notes.contains { $0.contains("flux") })
      #expect(run.notes.contains { $0.hasPrefix("summary.json is from another version") })
    }
  }

  @Test("a folder that is no run is an error that names it")
  func noRun() throws {
    try withTemporaryFolder { folder in
      let error = try #require(
        #expect(throws: (any Error).self) { try RunRecord(path: folder) })
      #expect("\(error)".hasPrefix("\(folder) is not the folder of a run"))
    }
  }

  /// Runs of a method with these accuracies, one seed each.
  private func runs(
    _ method: String, _ accuracies: [Double], extra: String = "", in folder: String
  ) throws -> [RunRecord] {
    try accuracies.enumerated().map { seed, top1 in
      let path = "\(folder)/\(method)\(extra.count)-\(seed)"
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      try "method: \(method)\nseed: \(seed)\n\(extra)".write(
        toFile: "\(path)/recipe.yaml", atomically: true, encoding: .utf8)
      try """
      {"step": 5, "epoch": 0, "train_loss": \(3 + seed), "eval_top1": \(top1), "eval_loss": 1.0}
      """.write(toFile: "\(path)/metrics.jsonl", atomically: true, encoding: .utf8)
      return try RunRecord(path: path)
    }
  }

  @Test("runs that differ by seed only stand in one row; others are told apart by their keys")
  func grouping() throws {
    try withTemporaryFolder { folder in
      let all =
        try runs("fp32", [50, 52], in: folder) + runs("tetrajet", [49, 51.5], in: folder)
        + runs("tetrajet", [30, 31], extra: "training:\n  epochs: 7\n", in: folder)
      let rows = Comparison(RunGroup.grouped(all)).rows
      #expect(
        rows.map(\.label) == [
          "fp32", "tetrajet, training.epochs=?", "tetrajet, training.epochs=7",
        ])
      #expect(rows.map(\.runs) == [2, 2, 2] && rows.map(\.unfinished) == [2, 2, 2])
      #expect(rows[0].top1?.mean == 51 && rows[0].isBest && rows[0].isWithinNoise == nil)
      #expect(rows[1].isWithinNoise == true && rows[2].isWithinNoise == false)
      #expect(Comparison.cells(rows[0])[2] == "51.00 ± 1.41 *")
      #expect(Comparison.cells(rows[1])[2] == "50.25 ± 1.77 ≈")
      #expect(Comparison.line(rows[0]).text.contains("\"eval_top1\": 51.0, \"eval_top1_sd\": 1.41"))
    }
  }

  @Test("keys that change no result do not keep runs apart")
  func indifferentKeys() throws {
    try withTemporaryFolder { folder in
      let all =
        try runs("fp32", [50], in: folder)
        + runs("fp32", [52], extra: "training:\n  tensorboard: true\n", in: folder)
      #expect(RunGroup.grouped(all).map(\.runs.count) == [2])
    }
  }

  @Test("the page holds every run, needs nothing from elsewhere, and lets no text become markup")
  func page() throws {
    try withTemporaryFolder { folder in
      let all = try runs("fp32", [50, 52], in: folder)
      let html = ReportPage(all, title: "<b>&'\"").html
      #expect(html.contains("<title>&lt;b&gt;&amp;&#39;&quot;</title>") && !html.contains("<b>"))
      for name in ["fp320-0", "fp320-1"] { #expect(html.contains(name), "\(name)") }
      // The only address is the name of SVG's namespace, in the script.
      #expect(html.components(separatedBy: "http").count == 2)
      // The mean of the seeds' losses 3 and 4, and their range, at the end of epoch 1.
      #expect(html.contains("[1.0,3.5]"))
      #expect(!html.contains("nan") && !html.contains("inf"))
    }
  }
}
