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
      #expect(rows.map(\.label) == ["fp32", "tetrajet", "tetrajet, training.epochs=7"])
      #expect(rows.map(\.runs) == [2, 2, 2] && rows.map(\.unfinished) == [2, 2, 2])
      #expect(rows[0].top1?.mean == 51 && rows[0].isBest && rows[0].isWithinNoise == nil)
      #expect(rows[1].isWithinNoise == true && rows[2].isWithinNoise == false)
      #expect(ComparisonTable.cells(rows[0])[2] == "51.00 ± 1.41 *")
      #expect(ComparisonTable.cells(rows[1])[2] == "50.25 ± 1.77 ≈")
      #expect(Comparison.line(rows[0]).text.contains("\"eval_top1\": 51.0, \"eval_top1_sd\": 1.41"))
    }
  }

  @Test(
    "differences from a baseline are taken over equal seeds, and called better only where their interval says so"
  )
  func differences() throws {
    try withTemporaryFolder { folder in
      let all =
        try runs("tetrajet", [50, 52, 51], in: folder) + runs("fp32", [54, 56.2, 55.1], in: folder)
        + runs("tetrajet+qema", [52.1, 54.0, 53.1, 90], in: folder)
        + runs("microscaling", [50.5, 51.5, 51], in: folder)
      let groups = RunGroup.grouped(all)
      let found = try Differences.all(groups, from: "tetrajet")
      #expect(found.map(\.label) == ["fp32", "tetrajet+qema", "microscaling"])
      let top1 = found.compactMap { $0.measures.first { $0.metric == .evalTop1 } }
      #expect(top1.map(\.difference.estimate.count) == [3, 3, 3])
      #expect(top1.map(\.isBetter) == [true, true, nil])
      #expect(top1[0].gapClosed == nil)
      // (2.1 + 2.0 + 2.1) of (4 + 4.2 + 4.1).
      #expect(abs(try #require(top1[1].gapClosed).share - 6.2 / 12.3) < 1e-12)
      // Losses are all 1: a difference of nothing is none.
      #expect(found[0].measures.first { $0.metric == .evalLoss }?.isBetter == nil)
      let worse = try Differences.all(groups, from: "fp32")
      #expect(worse.map(\.label) == ["tetrajet", "tetrajet+qema", "microscaling"])
      #expect(worse.map { $0.measures[0].isBetter } == [false, false, false])

      let table = try #require(DifferencesTable(found, baseline: "tetrajet"))
      let text = table.text(width: nil)
      #expect(text.contains("+4.10 ± 0.25 ▲") && text.contains("0.250"), "\(text)")
      #expect(text.contains("50 (") && text.contains("needed: seeds"), "\(text)")
      for width in [40, 60, 80] {
        let lines = table.text(width: width).split(separator: "\n")
        #expect(lines.allSatisfy { $0.count <= width }, "\(width): \(lines)")
      }
      #expect(DifferencesTable([], baseline: "tetrajet") == nil)
      #expect(
        found[1].json.text.hasPrefix("{\"eval_top1\": {\"mean\": 2.0666666"),
        "\(found[1].json.text)")
      var options = ReportPage.Options()
      options.baseline = "tetrajet"
      let page = try ReportPage(all, title: "x", options: options).html
      #expect(page.contains("<h2>Seed by seed</h2>") && page.contains("<td>+4.10 ± 0.25 ▲</td>"))
    }
  }

  @Test("a baseline that no recipe is called, or that several could be, is refused by name")
  func unknownBaseline() throws {
    try withTemporaryFolder { folder in
      let groups = RunGroup.grouped(
        try runs("fp32", [50], in: folder)
          + runs("fp32", [30], extra: "training:\n  batch_size: 7\n", in: folder))
      for (name, expected) in [
        ("int4", "no recipe is called 'int4'; there are: 'fp32', 'fp32, training.batch_size=7'")
      ] {
        let error = try #require(throws: BaselineError.self) {
          try Differences.all(groups, from: name)
        }
        #expect("\(error)" == expected)
      }
      // A label comes before a method.
      #expect(
        try Differences.all(groups, from: "fp32").map(\.label) == ["fp32, training.batch_size=7"])
    }
  }

  @Test(
    "keys that change no result, and how the path of the images was typed, do not keep runs apart",
    arguments: [
      "training:\n  tensorboard: true\n", "data:\n  path: ~/cats/\n", "training:\n  epochs: 60\n",
    ])
  func indifferentKeys(extra: String) throws {
    try withTemporaryFolder { folder in
      let path = extra.contains("path") ? "data:\n  path: ../cats\n" : ""
      let all =
        try runs("fp32", [50], extra: path, in: folder)
        + runs("fp32", [52], extra: extra, in: folder)
      #expect(RunGroup.grouped(all).map(\.runs.count) == [2])
    }
  }

  @Test("runs on images that are known to be others stand in rows of their own, named by them")
  func otherData() throws {
    try withTemporaryFolder { folder in
      let all =
        try runs("fp32", [50, 52], extra: "data:\n  path: ~/cats/\n", in: folder)
        + runs("fp32", [40, 42], extra: "data:\n  path: /mnt/dogs\n", in: folder)
      func say(_ run: RunRecord, _ print: String) throws -> RunRecord {
        try "{\"train_fingerprint\": \"\(print)\", \"test_fingerprint\": \"t\", \"path\": \"x\"}"
          .write(
            toFile: "\(run.path)/data.json", atomically: true, encoding: .utf8)
        return try RunRecord(path: run.path)
      }
      #expect(RunGroup.grouped(all).map(\.runs.count) == [4])
      let same = try all.map { try say($0, "a") }
      #expect(RunGroup.grouped(same).map(\.runs.count) == [4])
      let apart = try zip(all, ["a", "a", "b", "b"]).map { try say($0, $1) }
      let groups = RunGroup.grouped(apart)
      #expect(groups.map(\.label) == ["fp32, data cats", "fp32, data dogs"])
      #expect(groups.map(\.runs.count) == [2, 2])
    }
  }

  @Test("a row is named by what is not as its method has it by itself, and by nothing else")
  func labels() throws {
    try withTemporaryFolder { folder in
      func group(_ method: String, _ extra: String) throws -> [RunRecord] {
        try runs(method, [50], extra: extra, in: folder)
      }
      let q1 = "quantizers:\n  q1:\n    scale: nv\n".replacing("nv", with: "floor")
      let all =
        try group("tetrajet", q1) + group("tetrajet", "")
        + group("tetrajet+qema", "qema:\n  beta: 0.9\n")
        + group("microscaling", "") + group("fp32", "training:\n  epochs: 9\n")
        + group("tetrajet", "quantizers:\n  q5:\n    enabled: false\n    rounding: nearest-even\n")
        + group("tetrajet", "model:\n  preset: deit_tiny_patch16_224\ndata:\n  path: x\n")
      #expect(
        RunGroup.grouped(all).map(\.label) == [
          "tetrajet, q1.scale=floor", "tetrajet", "tetrajet+qema, qema.beta=0.9", "microscaling",
          "fp32, training.epochs=9", "tetrajet, q5.enabled=false",
          "tetrajet, deit_tiny_patch16_224",
        ])
      // Alone, a row needs no key but those of its quantizers.
      #expect(RunGroup.grouped(Array(all.prefix(1))).map(\.label) == ["tetrajet, q1.scale=floor"])
      #expect(RunGroup.grouped(Array(all.dropFirst(2).prefix(1))).map(\.label) == ["tetrajet+qema"])
    }
  }

  @Test("of the same seed twice one run counts, the one that went furthest, and that is said")
  func repeatedSeed() throws {
    try withTemporaryFolder { folder in
      let once = try runs("fp32", [50, 52], in: folder)
      let copy = "\(folder)/copy"
      try FileManager.default.copyItem(atPath: once[1].path, toPath: copy)
      try "{\"step\": 9, \"epoch\": 1, \"eval_top1\": 54, \"eval_loss\": 1}".write(
        toFile: "\(copy)/metrics.jsonl", atomically: true, encoding: .utf8)
      let groups = RunGroup.grouped(try once + [RunRecord(path: copy), once[0]])
      let row = Comparison(groups).rows[0]
      #expect(row.runs == 4 && row.seeds == 2 && row.top1?.mean == 52 && row.top1?.count == 2)
      #expect(row.folders.filter(\.isCounted).map(\.path).contains(copy))
      #expect(
        groups[0].notes == [
          "fp32: seed 0 is there 2 times and counts once, as in \(once[0].path)",
          "fp32: seed 1 is there 2 times and counts once, as in \(copy)",
        ])
    }
  }

  @Test(
    "the table fits where there is room for it, with every label and folder whole",
    arguments: [60, 80, 100])
  func width(columns: Int) throws {
    try withTemporaryFolder { folder in
      let long =
        "quantizers:\n  q1:\n    scale: floor\n  q2:\n    scale: floor\n  q5:\n    enabled: false\n"
      let all =
        try runs("tetrajet", [50, 52], in: folder)
        + runs("tetrajet", [49.25, 51.5], extra: long, in: folder)
      let comparison = Comparison(RunGroup.grouped(all))
      let text = ComparisonTable(comparison).text(width: columns)
      #expect(text.split(separator: "\n").allSatisfy { $0.count <= columns }, "\(text)")
      // Each label is whole below the table, over its folders.
      for row in comparison.rows { #expect(text.contains("\n\(row.label):\n"), "\(text)") }
      let squeezed = text.filter { !$0.isWhitespace }
      for run in all { #expect(squeezed.contains(run.path), "\(text)") }
      let wide = ComparisonTable(comparison).text(width: nil).split(separator: "\n")
      #expect(wide[2].hasPrefix("tetrajet ") && wide[2].contains("51.00 ± 1.41 *"))
    }
  }

  @Test("the page holds every run, needs nothing from elsewhere, and lets no text become markup")
  func page() throws {
    try withTemporaryFolder { folder in
      let all = try runs("fp32", [50, 52], in: folder)
      let html = try ReportPage(all, title: "<b>&'\"").html
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
