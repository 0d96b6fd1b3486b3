import Files
import Foundation
import TestSupport
import Testing

@Suite("report and compare read whatever lies in a run folder", .serialized)
struct DamagedRunTests {
  private static let recipe = "method: tetrajet\nseed: 4\ntraining:\n  epochs: 3\n"
  private static let line = "{\"step\": 10, \"epoch\": 0, \"train_loss\": 2.5}\n"

  /// What is in the file that is damaged, and its name.
  static let damage: [(file: String, text: String)] = [
    ("metrics.jsonl", "{\"step\": 9223372036854775807, \"epoch\": 0, \"eval_top1\": 5}"),
    ("metrics.jsonl", "{\"step\": 20, \"epoch\": 9223372036854775807, \"eval_top1\": 5}"),
    ("metrics.jsonl", "{\"step\": 20, \"epoch\": -1, \"eval_top1\": 5}"),
    (
      "metrics.jsonl",
      "{\"step\": 20, \"epoch\": 0, \"train_loss\": 1.7e308}\n{\"step\": 30, \"train_loss\": -1.7e308}"
    ),
    (
      "metrics.jsonl",
      "{\"step\": 20, \"quantization_confidence\": 0.5, \"oscillating_share\": 0.1, \"trajectories\": [{\"name\": "
        + "\"w\", \"latent\": [1, 2], \"quantized\": [1, 2], \"scale_exponent\": [-2000, 2000]}]}"
    ),
    (
      "metrics.jsonl",
      "{\"step\": 20, \"train_loss\": NaN}\n{\"step\": 30, \"train_loss\": Infinity}"
    ),
    ("metrics.jsonl", "\u{0}\u{1}\u{2}\u{FFFD}\n]]]]}{"),
    ("metrics.jsonl", String(repeating: "{\"step\":", count: 50_000)),
    ("summary.json", "{\"method\": 3}"), ("summary.json", "[]"), ("summary.json", ""),
    (
      "summary.json",
      "{\"method\": \"tetrajet\", \"engine\": \"packed\", \"eval_top1\": 1e308, \"eval_top5\": -5, \"eval_loss\": 1e308, "
        + "\"best_top1\": 2, \"images_per_second\": -1e308, \"peak_memory_mb\": 1e308, \"seconds\": -1, \"parameters\": "
        + "-9223372036854775808, \"seed\": -9223372036854775808, \"epochs\": 3, \"steps\": 9223372036854775807, "
        + "\"skipped_images\": -1, \"skipped_names\": [], \"threads\": -1, \"isa\": \"x\"}"
    ),
    ("recipe.yaml", "method: [[[[\n"),
    ("recipe.yaml", "training:\n  epochs: 99999999999999999999\n"),
    ("recipe.yaml", "method: \"\\u001b[31m\\n\"\nseed: -4\n"),
    ("evaluation.json", "{\"step\": 1, \"images\": 9223372036854775807, \"classes\": []}"),
    ("evaluation.json", String(repeating: "[", count: 100_000)),
  ]

  @Test("what no run writes is left out, and said in a line", arguments: damage)
  func damaged(file: String, text: String) throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      try FileManager.default.createDirectory(atPath: run, withIntermediateDirectories: true)
      try writeFileAtomically("\(run)/recipe.yaml", text: Self.recipe)
      try writeFileAtomically("\(run)/metrics.jsonl", text: Self.line)
      let before = file == "metrics.jsonl" ? Self.line : ""
      try writeFileAtomically("\(run)/\(file)", text: before + text)
      let page = "\(folder)/page.html"
      for arguments in [
        ["compare", run], ["compare", run, "--json"], ["report", run, "-o", page],
      ] {
        let result = try tetrajet(arguments)
        #expect(result.status == 0, "\(arguments): \(result.errors.prefix(500))")
        #expect(result.errors.contains(file), "\(result.errors.prefix(500))")
        #expect(result.errors.split(separator: "\n").allSatisfy { $0.count < 2200 })
        #expect(!(result.output + result.errors).contains("\u{1B}"))
      }
      let html = String(decoding: try readFile(page), as: UTF8.self)
      #expect(html.contains("</html>") && html.contains("[10.0,2.5]"), "the good line is drawn")
    }
  }
}
