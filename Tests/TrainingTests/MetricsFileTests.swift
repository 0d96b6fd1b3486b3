import Files
import Foundation
import MXFormats
import TestSupport
import Testing
import Training

@Suite("Reading metrics")
struct MetricsFileTests {
  private func withFile(_ text: String, _ body: (String) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/metrics.jsonl"
      try writeFileAtomically(path, text: text)
      try body(path)
    }
  }

  /// What no run writes, as members of a line that is otherwise good.
  static let damage: [String] = [
    "\"step\": 9223372036854775807", "\"step\": 9223372036854775808", "\"step\": -1",
    "\"step\": 1.5", "\"step\": 1e300", "\"step\": \"3\"", "\"step\": null", "\"step\": true",
    "\"epoch\": -1", "\"epoch\": 9223372036854775807", "\"epoch\": 0.5",
    "\"train_loss\": 1.7e308", "\"train_loss\": 1e999", "\"train_loss\": -2",
    "\"train_loss\": NaN", "\"train_loss\": Infinity", "\"train_loss\": \"2\"",
    "\"train_loss\": [2]", "\"eval_top1\": 101", "\"eval_top1\": true", "\"oscillating_share\": 2",
    "\"images_per_second\": -1", "\"confidence_histogram\": [-1]",
    "\"confidence_histogram\": [1e308, 1e308]", "\"confidence_histogram\": []",
    "\"latent_histogram\": {\"a\": 1}", "\"saturation\": {\"q1\": -1}", "\"saturation\": 3",
    "\"confidence_layers\": [{\"mean\": 1}]", "\"confidence_layers\": [{\"name\": 1}]",
    "\"confidence_layers\": [{\"name\": \"a\", \"mean\": 7}]",
    "\"x\": \(String(repeating: "[", count: 100_000))",
  ]

  @Test("a line with something that no run writes is left out and counted", arguments: damage)
  func refused(member: String) throws {
    let step = member.hasPrefix("\"step\"") ? "" : "\"step\": 2, "
    try withFile("{\"step\": 1}\n{\(step)\(member)}\n{\"step\": 3, \"epoch\": 0}\n") { path in
      let file = try MetricsFile(path: path)
      #expect(file.damagedLines == 1 && file.records.map(\.step) == [1, 3])
    }
  }

  private static func path(
    exponents: String = "[1, 1, 1]", codes: String = "[1, 2, 1]", latent: String = "[0.1, 0.2, 0.1]"
  ) -> String {
    "{\"step\": 1, \"trajectories\": [{\"name\": \"w\", \"row\": 1, \"column\": 2, "
      + "\"latent\": \(latent), \"quantized\": [1, 2, 1], \"scale_exponent\": \(exponents), "
      + "\"code\": \(codes)}]}\n"
  }

  private static func path(scales: String, bytes: String) -> String {
    path().replacing(
      "\"scale_exponent\": [1, 1, 1]", with: "\"scale\": \(scales), \"scale_byte\": \(bytes)")
  }

  @Test(
    "a trajectory has scales of E8M0, or numbers with their bytes, codes of at most six bits, and equally many of each",
    arguments: [
      path(exponents: "[1, -2000, 1]"), path(exponents: "[1, 1e308, 1]"),
      path(exponents: "[1, 1]"), path(exponents: "[1, 0.5, 1]"), path(codes: "[1, 64, 1]"),
      path(scales: "[1, 2, -1]", bytes: "[9, 9, 9]"), path(scales: "[1, 2]", bytes: "[9, 9]"),
      path(scales: "[1, 2, 3]", bytes: "[9, 9, 256]"),
      path(scales: "[1, 2, 1e400]", bytes: "[9, 9, 9]"),
      path(codes: "[-1, 1, 1]"), path(codes: "[1]"), path(latent: "[1, 1.7e308, 1]"),
      path(latent: "[1, null, 1]"), "{\"step\": 1, \"trajectories\": [{}]}\n",
    ])
  func trajectories(line: String) throws {
    try withFile(Self.path() + line) { path in
      let file = try MetricsFile(path: path)
      #expect(file.damagedLines == 1 && file.records.count == 1)
      #expect(file.records.first?.trajectories.first?.codeFlips == 2)
    }
  }

  @Test(
    "what is told in scales that are no powers of two is drawn by them, and flips while their bytes stay"
  )
  func numberScales() throws {
    try withFile(Self.path(scales: "[0.5, 0.25, 0]", bytes: "[9, 9, 0]")) { path in
      let record = try #require(try MetricsFile(path: path).records.first?.trajectories.first)
      #expect(record.codeFlips == 1)
      #expect((0..<3).map { record.scaled(record.quantized[$0], at: $0) } == [2, 8, 0])
    }
  }

  @Test("null where a number was not finite, keys of other versions, and repeats of a key are read")
  func tolerated() throws {
    let text = """
      {"step": 4, "rate_of_change_output": null, "future": {"a": [1, [2]]}, "other": "text"}
      {"step": 5, "step": 5, "saturation": {"q1": 0.5, "q2": null}, "flux": 1.7e308}

      {"step": 6, "weights_sha256": "ab", "train_loss": 2.5, "qramping_mean_period": 3}
      """
    try withFile(text) { path in
      let file = try MetricsFile(path: path)
      #expect(file.damagedLines == 0 && file.records.map(\.step) == [4, 5, 6])
      #expect(file.records[1].map(.saturation) == ["q1": 0.5] && file.records[1]["flux"] == nil)
      #expect(file.records[2]["train_loss"] == 2.5)
      #expect(file.records[2]["qramping_mean_period"] == 3)
    }
  }

  @Test("garbage, and a line longer than any run's, cost a line each")
  func garbage() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/metrics.jsonl"
      let noise = (0..<5000).map { UInt8(truncatingIfNeeded: $0 * 7919 >> 3) }.filter { $0 != 10 }
      let line = Array("\n{\"step\": 1}\n{\"step\": 2, \"x\": [".utf8)
      try FileDescriptor(creating: path).append(noise + line)
      let zeros = Array(String(repeating: "0,", count: 1 << 20).utf8)
      for _ in 0..<40 { try FileDescriptor(appending: path).append(zeros) }
      try FileDescriptor(appending: path).append("0]}\n{\"step\": 3}")
      let file = try MetricsFile(path: path)
      #expect(file.damagedLines == 2 && file.records.map(\.step) == [1, 3])
      try MetricsFile.rewind(path, toStep: 2)
      #expect(try readFile(path) == Array("{\"step\": 1}\n".utf8))
    }
  }

  @Test("the article on reports has every key of the list, with its title, direction and tag")
  func article() throws {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../Documentation/Reports.md").standardized.path
    let text = String(decoding: try readFile(path), as: UTF8.self)
    for metric in Metric.allCases {
      let tag = metric.tag.map { "`\($0)`" } ?? ""
      let better = metric.better?.rawValue ?? ""
      #expect(
        text.contains("\n| `\(metric.rawValue)` | \(metric.title) | \(better) | \(tag) |\n"),
        "\(metric.rawValue)")
    }
  }
}
