import Files
import Foundation
import TestSupport
import Testing
import Training

@Suite("A study's grid")
struct StudyGridTests {
  private func withGrid<Result>(
    _ text: String, _ body: (StudyGrid, _ folder: String) throws -> Result
  ) throws -> Result {
    try withTemporaryFolder { folder in
      try writeFileAtomically("\(folder)/base.yaml", text: "training:\n  epochs: 7\n")
      try writeFileAtomically("\(folder)/other.yaml", text: "training:\n  epochs: 8\n")
      try writeFileAtomically("\(folder)/g.yaml", text: text)
      return try body(StudyGrid(path: "\(folder)/g.yaml"), folder)
    }
  }

  private func runs(
    _ text: String, settings: [RecipeSetting] = []
  ) throws -> [StudyGrid.Run] {
    try withGrid(text) { grid, _ in try grid.runs(settings: settings) }
  }

  @Test("rows and axes are combined, seed by seed, and names say what differs")
  func combinations() throws {
    let found = try runs(
      """
      base: base.yaml
      set: {optimizer.learning_rate: 0.5}
      rows:
        - {name: first, method: tetrajet}
        - name: other
          method: tetrajet
          quantizers: {q2: {format: e3m0}}
      axes:
        seed: 3...4
        training.batch_size: [16, 32]
      except:
        - {quantizers.q2.format: e3m0, training.batch_size: 32}
      baseline: first, training.batch_size=16
      """)
    let rows = [
      "first, training.batch_size=16", "first, training.batch_size=32",
      "other, training.batch_size=16",
    ]
    #expect(found.map(\.row) == rows + rows)
    #expect(found.map(\.recipe.seed) == [3, 3, 3, 4, 4, 4])
    #expect(found.map(\.recipe.training.batchSize) == [16, 32, 16, 16, 32, 16])
    #expect(found.allSatisfy { $0.recipe.training.epochs == 7 })
    #expect(found.allSatisfy { $0.recipe.optimizer.learningRate == 0.5 })
    #expect(found[2].recipe.values["quantizers.q2.format"] == "e3m0")
    #expect(found[0].recipe.values["quantizers.q2.format"] == "e2m1")
    #expect(found[0].folder == "first-training.batch-size-16-3")
    #expect(Set(found.map(\.folder)).count == 6)
  }

  @Test("several bases have all rows each, and what is said of one of them holds for it alone")
  func bases() throws {
    let text = """
      rows:
        - {name: a, method: tetrajet, published: {eval_top1: {T: 50, S: 60}, eval_top5: {S: 80}}}
        - {name: b, method: tetrajet+qema, for: {S: {qema.beta: 0.5}}}
        - {name: c, method: fp32}
      base: {T: base.yaml, S: other.yaml}
      except:
        - {row: c, base: S}
      baseline: a
      columns: [eval_top5, train_loss]
      figures: {epochs: [1, 2.5], layer: blocks.0.mlp.fc1}
      """
    try withGrid(text) { grid, folder in
      let found = try grid.runs()
      try #require(found.map(\.row) == ["T, a", "T, b", "T, c", "S, a", "S, b"])
      #expect(found.map(\.recipe.training.epochs) == [7, 7, 7, 8, 8])
      #expect(found.map(\.baseline) == ["T, a", "T, a", "T, a", "S, a", "S, a"])
      #expect(found.map(\.recipe.remedies.qema.beta)[1] == 0.98)
      #expect(found.map(\.recipe.remedies.qema.beta)[4] == 0.5)
      func published(_ column: StudyColumn, _ base: String?, _ value: Double) -> StudyGrid.Published
      {
        StudyGrid.Published(column: column, base: base, value: value)
      }
      #expect(found[0].published == [published(.top1, nil, 50)])
      #expect(found[3].published == [published(.top1, nil, 60), published(.top5, nil, 80)])
      #expect(grid.columns == [.top5, .trainLoss])
      #expect(grid.figures.epochs == [1, 2.5] && grid.figures.layer == "blocks.0.mlp.fc1")
      // Another base stands for all of them: what was published is then of others.
      let other = try grid.runs(base: "\(folder)/other.yaml")
      try #require(other.map(\.row) == ["a", "b", "c"])
      #expect(other[1].recipe.remedies.qema.beta == 0.98)
      #expect(
        other[0].published == [
          published(.top1, "T", 50), published(.top1, "S", 60), published(.top5, "S", 80),
        ])
    }
    let one = try runs("base: {T: base.yaml}\nrows:\n  - {name: a, published: {eval_loss: 1}}\n")
    #expect(one.map(\.row) == ["a"] && one[0].published.map(\.base) == [nil])
  }

  @Test(
    "the paper's tables and figures are grids, of its models and of any other",
    arguments: (1...10).map { "table\($0)" } + (2...6).map { "figure\($0)" })
  func paper(name: String) throws {
    let recipes = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../Recipes").standardized.path
    let grid = try StudyGrid(path: "\(recipes)/paper/\(name).yaml")
    let runs = try grid.runs(seeds: StudyGrid.seeds("0"))
    #expect(
      runs.allSatisfy {
        $0.recipe.training.epochs == 90 && $0.published.allSatisfy { $0.base == nil }
      })
    let small = try grid.runs(
      base: "\(recipes)/cifar10_small.yaml", seeds: StudyGrid.seeds("0"))
    #expect(small.allSatisfy { $0.recipe.training.epochs == 40 })
    #expect(Set(small.map(\.row)).count == small.count && small.count <= runs.count)
    // Where a recipe says what to expect, the grid's numbers are the same.
    for run in runs where name == "table2" {
      let model = run.row.prefix { $0 != "," }
      let file = [
        "DeiT-T": "deit_tiny", "DeiT-S": "deit_small", "DeiT-B": "deit_base", "Swin-T": "swin_tiny",
        "Swin-S": "swin_small",
      ][String(model)]
      let method = run.recipe.method.rawValue.replacing("tetrajet+", with: "")
      // The recipes' baseline is single precision, and INT4 has none.
      if ["bf16", "int4", "int4-xi"].contains(method) { continue }
      let path = "\(recipes)/\(try #require(file))_imagenet_\(method).yaml"
      let text = String(decoding: try readFile(path), as: UTF8.self)
      let value = try #require(run.published.first?.value)
      #expect(text.contains("# Expected top-1: \(String(format: "%.2f", value)) %"), "\(run.row)")
      let own = try Recipe(settings: RecipeSetting.read(path))
      #expect(own.yaml == run.recipe.yaml, "\(run.row)")
    }
  }

  @Test(
    "the options beyond the paper are a grid, each row of which changes something of its method",
    arguments: ["options", "formats"])
  func beyond(name: String) throws {
    let recipes = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../Recipes").standardized.path
    let runs = try StudyGrid(path: "\(recipes)/beyond/\(name).yaml").runs()
    #expect(runs.count == 5 * Set(runs.map(\.row)).count)
    #expect(Set(runs.map(\.recipe.yaml)).count == runs.count)
  }

  @Test("seeds of the command line take the place of the grid's")
  func seeds() throws {
    try withGrid("axes: {seed: 0...2, method: [fp32, tetrajet]}\n") { grid, _ in
      let range = try grid.runs(seeds: StudyGrid.seeds("4...5"))
      #expect(range.map(\.recipe.seed) == [4, 4, 5, 5])
      let list = try grid.runs(seeds: StudyGrid.seeds("7,1"))
      #expect(list.map(\.recipe.seed) == [7, 7, 1, 1])
    }
    for text in ["", "a", "1,,2", "3...1", "-1", "1...2...3"] {
      #expect(throws: StudyError.self) { try StudyGrid.seeds(text) }
    }
  }

  @Test("the command line outranks what all runs have, and rows add to it")
  func precedence() throws {
    let found = try runs(
      "set: {training.epochs: 2, quantizers.q1.scale: floor}\naxes: {method: [fp32, tetrajet]}\n",
      settings: [try RecipeSetting(assignment: "training.epochs=9")])
    #expect(found.map(\.recipe.training.epochs) == [9, 9])
    #expect(found.map(\.row) == ["fp32", "tetrajet"])
    #expect(found[1].recipe.values["quantizers.q1.scale"] == "floor")
  }

  @Test(
    "what cannot be followed is one line with its place",
    arguments: [
      ("", "there is nothing"), ("- a\n", "there is nothing"),
      ("row: []\n", "g.yaml:1: not a grid: unknown key 'row'; did you mean 'rows'?"),
      ("rows:\n  - {name: a, methd: fp32}\n", "unknown key 'methd'; did you mean 'method'?"),
      ("rows:\n  - {method: fp32}\n", "g.yaml:2: not a grid: a row needs a name"),
      ("rows: {name: a}\n", "rows must be a list"),
      ("rows:\n  - {name: a}\n  - {name: a, method: fp32}\n", "two rows are called 'a'"),
      (
        "rows:\n  - {name: a, method: fp32}\n  - {name: b, method: fp32}\n",
        "'a' and 'b' are the same training"
      ),
      ("axes: {seed: [1, 2, 1]}\n", "the seed 1 is there twice"),
      ("axes: {method: []}\n", "the axis method has no values"),
      ("axes: {training: {epochs: [1]}}\n", "keys are written in full"),
      ("axes: {seed: 5...1}\n", "'5...1' is no range"),
      ("axes: {seed: 0...99999999}\n", "no range of at most 10000"),
      ("axes: {seed: [x]}\n", "seed is 'x'"),
      ("rows:\n  - {name: a, method: fp32+qema}\n", "row 'a': method is 'fp32+qema'"),
      ("axes: {method: [fp32]}\nbaseline: b\n", "the baseline is 'b', and rows are 'fp32'"),
      (
        "axes: {method: [fp32]}\nexcept:\n  - {method: tetrajet}\n",
        "g.yaml:3: not a grid: the exception"
      ),
      ("axes: {method: [fp32]}\nexcept:\n  - {method: fp32}\n", "no run is left"),
      ("axes: {seed: &x [1], method: *x}\n", "aliases"),
      ("base: nowhere.yaml\naxes: {seed: [1]}\n", "nowhere.yaml"),
      ("base: {}\nrows:\n  - {name: a}\n", "base names no recipe"),
      ("base: [base.yaml]\nrows:\n  - {name: a}\n", "base must be a word"),
      (
        "base: {T: base.yaml}\nrows:\n  - {name: a, for: {S: {seed: 1}}}\n",
        "no base is called 'S'"
      ),
      (
        "rows:\n  - {name: a, published: {eval_top: 1}}\n",
        "g.yaml:2: not a grid: no column is called 'eval_top'; did you mean 'eval_top1'?"
      ),
      ("rows:\n  - {name: a, published: {eval_top1: high}}\n", "there must be a number"),
      ("rows:\n  - {name: a}\ncolumns: eval_top1\n", "columns must be a list"),
      ("rows:\n  - {name: a}\nfigures: {layers: a}\n", "figures take epochs"),
      ("rows:\n  - {name: a}\nexcept:\n  - {row: b}\n", "the exception leaves nothing out"),
    ])
  func faults(text: String, expected: String) throws {
    let error = try #require(throws: (any Error).self) { try runs(text) }
    #expect("\(error)".contains(expected), "\(error)")
    #expect(!"\(error)".contains("\n"))
  }

  @Test("rows whose names differ in signs alone have folders of their own")
  func folders() throws {
    let found = try runs(
      "rows:\n  - {name: a b, method: fp32}\n  - {name: a/b, method: tetrajet}\n  - {name: ÄÖ, method: microscaling}\n"
    )
    #expect(found.map(\.folder) == ["a-b-0", "a-b-0-2", "run-0"])
  }
}
