import Files
import TestSupport
import Testing
import Training

@Suite("A study's grid")
struct StudyGridTests {
  private func runs(
    _ text: String, settings: [RecipeSetting] = []
  ) throws -> [StudyGrid.Run] {
    try withTemporaryFolder { folder in
      try writeFileAtomically("\(folder)/base.yaml", text: "training:\n  epochs: 7\n")
      try writeFileAtomically("\(folder)/g.yaml", text: text)
      return try StudyGrid(path: "\(folder)/g.yaml").runs(settings: settings)
    }
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
