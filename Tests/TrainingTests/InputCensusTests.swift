import Files
import Foundation
import ImageData
import MXCompute
import MXLinear
import MXRuntime
import TestSupport
import Testing
import Training

@Suite("Codes of inputs, followed on the fixed batch")
struct InputCensusTests {
  private struct Nobody: TrainingObserver {}

  /// The lines of a short training that have statistics, and its weights' hash.
  private func lines(
    _ change: (inout Recipe) -> Void
  ) throws -> (lines: [[String: Any]], hash: String?) {
    try withTemporaryFolder { folder in
      var recipe = Recipe.digits
      (recipe.training.epochs, recipe.model.depth, recipe.model.width) = (2, 4, 32)
      (recipe.model.heads, recipe.statistics.interval) = (2, 45)
      change(&recipe)
      var trainer = try Trainer(recipe, on: cpu, output: folder + "/run", observer: Nobody())
      let summary = try trainer.run()
      let text = String(decoding: try readFile("\(folder)/run/metrics.jsonl"), as: UTF8.self)
      let lines = try text.split(separator: "\n").map {
        try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
      }
      return (lines.filter { $0["rate_of_change_output"] != nil }, summary.weightsSHA256)
    }
  }

  @Test(
    "says how far inputs and their codes move, layer by layer, and what the output does without Q1")
  func follows() throws {
    let plain = try lines { _ in }
    let followed = try lines { $0.statistics.inputs = true }
    #expect(followed.hash == plain.hash && followed.lines.count == plain.lines.count)
    #expect(plain.lines.allSatisfy { $0["input_flip_share"] == nil })
    for (line, other) in zip(followed.lines, plain.lines) {
      func number(_ key: String) throws -> Double { try #require(line[key] as? Double) }
      #expect(try number("rate_of_change_output") == other["rate_of_change_output"] as? Double)
      let full = try number("rate_of_change_output_full_inputs")
      let output = try number("rate_of_change_output")
      #expect(full > 0 && full < output)
      let (exact, quantized) = (
        try number("rate_of_change_input"), try number("rate_of_change_quantized_input")
      )
      #expect(quantized > exact)
      let flips = try #require(line["input_flip_share_layers"] as? [String: Double])
      // Up to three quarters of the depth.
      #expect(flips.count == 12 && flips["blocks.2.mlp.fc2"] != nil)
      #expect(flips.values.allSatisfy { (0...1).contains($0) })
      let mean = flips.values.reduce(0, +) / 12
      let share = try number("input_flip_share")
      #expect(abs(mean - share) < 1e-12)
    }
  }

  @Test("says nothing of inputs that are not quantized")
  func fullInputs() throws {
    let lines = try lines {
      $0.statistics.inputs = true
      $0.linear[.q1] = nil
    }.lines
    #expect(!lines.isEmpty && lines.allSatisfy { $0["input_flip_share"] == nil })
  }

  @Test(
    "a movement is the norm of the change by that before, and the share that is not what it was")
  func movement() {
    let (before, after) = (
      Owned([3, 0, -4, 1], rows: 2, columns: 2), Owned([3, 1, -4, 0], rows: 2, columns: 2)
    )
    let moved = RowMovement(from: before.matrix, to: after.matrix)
    #expect(moved.differing == 2 && abs(moved.rate - (2.0 / 26).squareRoot()) < 1e-12)
    #expect(RowMovement(from: before.matrix, to: before.matrix).rate == 0)
  }
}
