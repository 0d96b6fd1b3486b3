import Foundation
import TestSupport
import Testing

@Suite("bench does what it says", .serialized)
struct BenchCommandTests {
  /// The lines of a benchmark of one image and one repeat.
  static func lines(_ arguments: String...) throws -> [[String: Any]] {
    let result = try tetrajet(["bench"] + arguments + ["--batch", "1", "--repeats", "1", "--json"])
    #expect(result.status == 0, "\(result.errors)")
    return try result.output.split(separator: "\n").map {
      try JSONSerialization.jsonObject(with: Data($0.utf8)) as! [String: Any]
    }
  }

  /// Keys that every line has.
  static let common: Set = ["bench", "model", "batch", "engine", "seconds", "threads", "isa"]

  @Test(
    "gemm prints one object for each product of each layer, with the peak",
    arguments: ["packed", "simulated"])
  func gemm(engine: String) throws {
    let lines = try Self.lines("gemm", "--engine", engine)
    #expect(lines.count == 12)
    let keys = Self.common.union([
      "layer", "product", "n", "d", "c", "blocks", "gops", "peak_gops", "share_of_peak",
    ])
    for line in lines {
      #expect(Set(line.keys) == keys)
      #expect(line["bench"] as? String == "gemm" && line["engine"] as? String == engine)
      let (n, d, c) = (line["n"] as! Int, line["d"] as! Int, line["c"] as! Int)
      let (seconds, gops) = (line["seconds"] as! Double, line["gops"] as! Double)
      #expect(n == 197 && d % 192 == 0 && c % 192 == 0 && seconds > 0)
      #expect(abs(2e-9 * Double(n * d * c) / seconds / gops - 1) < 1e-9)
      #expect(line["peak_gops"] as! Double > 0 && line["blocks"] as? Int == 12)
      // Whatever else the machine does: one product's peak may have been measured in a worse moment than the product.
      #expect(line["share_of_peak"] as! Double > 0)
    }
    #expect(Set(lines.map { "\($0["layer"]!) \($0["product"]!)" }).count == 12)
  }

  @Test(
    "quantize prints one object for each rounding and axis, under the packed engine also from codes",
    arguments: [("packed", 11), ("simulated", 8)])
  func quantize(engine: String, count: Int) throws {
    let lines = try Self.lines("quantize", "--engine", engine)
    #expect(lines.count == count)
    let keys = Self.common.union(["source", "rounding", "axis", "rows", "columns", "gops"])
    for line in lines {
      #expect(Set(line.keys) == keys)
      #expect(line["bench"] as? String == "quantize" && line["engine"] as? String == engine)
      #expect(line["rows"] as? Int == 197 && line["columns"] as? Int == 768)
      #expect(line["seconds"] as! Double > 0 && line["gops"] as! Double > 0)
    }
    let kinds = lines.map { "\($0["source"]!) \($0["rounding"]!) \($0["axis"]!)" }
    #expect(Set(kinds).count == count)
    #expect(kinds.contains("codes stochastic columns") == (engine == "packed"))
  }

  @Test(
    "step prints one object with the engine that its method uses",
    arguments: [
      ("tetrajet", "packed", "packed"), ("tetrajet", "simulated", "simulated"),
      ("fp32", "packed", "simulated"),
    ])
  func step(method: String, asked: String, used: String) throws {
    let lines = try Self.lines("step", "--method", method, "--engine", asked)
    #expect(lines.count == 1)
    let keys = Self.common.union([
      "method", "images_per_second", "micro_batch", "peak_memory_mb", "recompute", "attention",
    ])
    #expect(Set(lines[0].keys) == keys)
    #expect(lines[0]["method"] as? String == method && lines[0]["engine"] as? String == used)
    let (seconds, rate) = (
      lines[0]["seconds"] as! Double, lines[0]["images_per_second"] as! Double
    )
    #expect(seconds > 0 && abs(seconds * rate - 1) < 1e-9)
  }

  @Test("step --profile also prints what the parts of the step take, which add up to the step")
  func profile() throws {
    let parts = [
      "product", "quantizer", "attention", "norm", "gelu", "optimizer", "other",
    ]
    let lines = try Self.lines("step", "--profile")
    #expect(lines.dropFirst().map { $0["part"] as? String } == parts)
    var percent = 0.0
    for line in lines.dropFirst() {
      #expect(Set(line.keys) == ["bench", "part", "milliseconds", "percent"])
      #expect(line["bench"] as? String == "step-profile")
      #expect(line["milliseconds"] as! Double > 0)
      percent += line["percent"] as! Double
    }
    #expect(abs(percent - 100) < 1e-6)

    let text = try tetrajet("bench", "step", "--profile", "--batch", "1", "--repeats", "1")
    #expect(text.status == 0, "\(text.errors)")
    for part in parts { #expect(text.output.contains("\n  \(part) "), "\(text.output)") }
  }
}
