import Files
import Foundation
import TestSupport
import Testing

@Suite("A sweep", .serialized)
struct SweepCommandTests {
  private static let grid = """
    set: {data.path: digits, training.epochs: 2, model.depth: 1, model.width: 32, model.heads: 2, checkpoint.every_steps: 2}
    rows:
      - {name: full, method: fp32}
      - {name: 4 bits, method: tetrajet}
    axes: {seed: 0...1}
    baseline: full

    """

  private func tables(_ folder: String) -> [String] {
    ["md", "csv", "tex", "json"].map { text("\(folder)/table.\($0)") }
  }

  @Test("trains every run in a folder of its own, says what comes of it, and trains nothing twice")
  func whole() throws {
    try withTemporaryFolder { folder in
      let (grid, study) = ("\(folder)/grid.yaml", "\(folder)/study")
      try writeFileAtomically(grid, text: Self.grid)
      let plan = try tetrajet("sweep", grid, "-o", study, "--dry-run")
      #expect(plan.status == 0 && plan.output.contains("4 runs in 2 rows, 4 to train"), "\(plan)")
      #expect(!FileManager.default.fileExists(atPath: study))
      let first = try tetrajet("sweep", grid, "-o", study, "--jobs", "2", "--threads", "2")
      #expect(first.status == 0 && first.output.contains("4 bits"), "\(first.errors)")
      for name in ["full-0", "full-1", "4-bits-0", "4-bits-1"] {
        #expect(FileManager.default.fileExists(atPath: "\(study)/runs/\(name)/summary.json"))
        #expect(text("\(study)/logs/\(name).log").contains("done in"))
        #expect(first.errors.contains("\(name), top-1"))
      }
      let before = tables(study)
      #expect(before[0].contains("| full | 2 | ") && before[0].contains("| 4 bits | 2 | "))
      let again = try tetrajet("sweep", grid, "-o", study)
      #expect(again.status == 0 && again.errors.contains("4 runs, 4 of them finished"))
      #expect(again.output == first.output && tables(study) == before)
      // Another recipe is not what was trained there.
      let other = try tetrajet("sweep", grid, "-o", study, "--set", "training.epochs=3")
      #expect(other.status == 64 && other.errors.contains("was begun with training.epochs = 2"))
      #expect(tables(study) == before)
    }
  }

  @Test("stopped or killed at any time it goes on to the same weights")
  func killed() throws {
    try withTemporaryFolder { folder in
      let (grid, study) = ("\(folder)/grid.yaml", "\(folder)/study")
      try writeFileAtomically(grid, text: Self.grid.replacing("epochs: 2", with: "epochs: 8"))
      func hash(_ folder: String, _ run: String) throws -> String {
        var hash = SHA256()
        hash.update(try readFile("\(folder)/runs/\(run)/last.safetensors"))
        return hash.digits()
      }
      #expect(try tetrajet("sweep", grid, "-o", "\(folder)/whole").status == 0)
      for (run, signal) in [("full-0", SIGKILL), ("4-bits-0", SIGTERM), ("full-1", SIGKILL)] {
        let errors = "\(folder)/errors"
        let process = try start(["sweep", grid, "-o", study, "--threads", "1"], errors: errors)
        let hasBegun = wait(for: process) {
          FileManager.default.fileExists(atPath: "\(study)/runs/\(run)/resume.safetensors")
        }
        try #require(hasBegun, "\(text(errors))")
        kill(process.processIdentifier, signal)
        process.waitUntilExit()
        if signal == SIGTERM {
          #expect(process.terminationStatus == 143)
          #expect(text(errors).contains("the same command goes on"))
        }
      }
      let last = try tetrajet("sweep", grid, "-o", study, "--jobs", "2")
      #expect(last.status == 0, "\(last.errors)")
      for run in ["full-0", "4-bits-0"] {
        #expect(text("\(study)/logs/\(run).log").contains("resumed at step"))
      }
      for run in ["full-0", "full-1", "4-bits-0", "4-bits-1"] {
        #expect(try hash(study, run) == hash("\(folder)/whole", run))
      }
      // What a kill shortens are windows of statistics; of the rest every byte is the same.
      for study in [study, "\(folder)/whole"] {
        let columns = "eval_top1,eval_loss,train_loss"
        #expect(try tetrajet("sweep", grid, "-o", study, "--columns", columns).status == 0)
      }
      #expect(tables(study) == tables("\(folder)/whole"))
    }
  }

  @Test("two cannot train in one folder at once")
  func locked() throws {
    try withTemporaryFolder { folder in
      try writeFileAtomically("\(folder)/grid.yaml", text: Self.grid)
      guard case .held(let lock) = FolderLock.attempt(folder) else {
        throw FileError("lock", folder)
      }
      let found = try tetrajet("sweep", "\(folder)/grid.yaml", "-o", folder)
      #expect(found.status == 64 && found.errors.contains("is in use by process"), "\(found)")
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/table.md"))
      withExtendedLifetime(lock) {}
    }
  }

  @Test("a run that fails is named in the end, and the others are trained")
  func failure() throws {
    try withTemporaryFolder { folder in
      let (grid, study) = ("\(folder)/grid.yaml", "\(folder)/study")
      // A learning rate at which the arithmetic breaks down.
      let text = Self.grid.replacing(
        "axes:", with: "  - {name: wild, method: tetrajet, optimizer.learning_rate: 100}\naxes:")
      try writeFileAtomically(grid, text: text)
      let done = try tetrajet(
        "sweep", grid, "-o", study, "--set", "optimizer.clip_gradient_norm=0", "--set",
        "schedule.warmup_epochs=0")
      #expect(done.status == 70, "\(done)")
      #expect(done.errors.contains("2 runs of 6 failed:\n  wild-0: "), "\(done.errors)")
      #expect(tables(study)[0].contains("| wild | 0 |"))
      #expect(tables(study)[0].contains("| 4 bits | 2 |"))
    }
  }

  @Test("its page calls recipes by the rows' names, and takes differences to the baseline")
  func page() throws {
    try withTemporaryFolder { folder in
      try writeFileAtomically(
        "\(folder)/grid.yaml",
        text: """
          set: {training.epochs: 1, model.depth: 1}
          rows:
            - {name: plainly <this>, method: tetrajet}
            - {name: the other, method: fp32}
          axes: {seed: 0...1}
          baseline: the other
          figures: {layer: blocks.77.mlp.fc2}
          """)
      let found = try tetrajet("sweep", "\(folder)/grid.yaml", "-o", "\(folder)/s")
      try #require(found.status == 0, "\(found)")
      #expect(found.errors.contains("no run has a quantized layer 'blocks.77.mlp.fc2'"))
      let html = text("\(folder)/s/report.html")
      #expect(html.contains("plainly &lt;this&gt;") && html.contains("Seed by seed"))
      #expect(!html.contains("<this>") && !html.contains(">tetrajet</span>"))
    }
  }

  @Test(
    "what cannot be trained is one line before anything is",
    arguments: [
      (["grid.yaml", "-o", "s", "--set", "data.path=/nowhere"], Int32(74), "cannot read /nowhere"),
      (["grid.yaml", "-o", "s", "--columns", "top"], 64, "--columns: no column is called 'top'"),
      (["grid.yaml", "-o", "s", "--jobs", "0"], 64, "--jobs is 0"),
      (["nothing.yaml", "-o", "s"], 74, "nothing.yaml"),
      (["grid.yaml", "-o", "grid.yaml"], 74, "grid.yaml"),
      (["grid.yaml", "-o", "s", "--set", "training.epochs=x"], 64, "training.epochs is 'x'"),
    ])
  func faults(arguments: [String], status: Int32, words: String) throws {
    try withTemporaryFolder { folder in
      try writeFileAtomically("\(folder)/grid.yaml", text: Self.grid)
      let own = arguments.map {
        ["s", "grid.yaml", "nothing.yaml"].contains($0) ? "\(folder)/\($0)" : $0
      }
      let found = try tetrajet(["sweep"] + own)
      #expect(found.status == status && found.errors.contains(words), "\(found)")
      #expect(found.errors.split(separator: "\n").count == 1 && found.output.isEmpty, "\(found)")
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/s"))
    }
  }
}
