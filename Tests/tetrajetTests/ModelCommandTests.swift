import Foundation
import TestSupport
import Testing
import Training
import VisionModels

@Suite("predict and models do what they say", .serialized)
struct ModelCommandTests {
  /// 1 × 1 pixel, grey.
  static let onePixel = Data(
    base64Encoded:
      "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
  )!

  @Test("predict names the likeliest classes, as a table or JSON, and goes on after a broken image")
  func predict() throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      let trained = try tetrajet(
        "train", "--epochs", "2", "--output", run, "--method", "tetrajet+qema")
      #expect(trained.status == 0, "\(trained.errors)")
      try Self.onePixel.write(to: URL(fileURLWithPath: "\(folder)/a.png"))
      try Data("no image".utf8).write(to: URL(fileURLWithPath: "\(folder)/b.png"))
      let text = try tetrajet("predict", run, "\(folder)/a.png", "--top", "3")
      #expect(text.status == 0 && text.errors.isEmpty, "\(text.errors)")
      let lines = text.output.split(separator: "\n")
      #expect(lines.count == 4 && lines[0] == "\(folder)/a.png" && lines[1].hasSuffix(" %"))

      let json = try tetrajet("predict", run, "\(folder)/b.png", "\(folder)/a.png", "--json")
      #expect(json.status == 65 && json.errors.contains("b.png: neither JPEG"), "\(json.errors)")
      let objects = json.output.split(separator: "\n")
      #expect(objects.count == 1)
      let object =
        try JSONSerialization.jsonObject(with: Data(objects[0].utf8)) as! [String: Any]
      let predictions = object["predictions"] as! [[String: Any]]
      let probabilities = predictions.map { $0["probability"] as! Double }
      #expect(probabilities.count == 5 && probabilities == probabilities.sorted(by: >))
      #expect(probabilities.allSatisfy { $0 > 0 } && probabilities.reduce(0, +) < 1)
      // All ten add up, and agree with the model asked directly.
      let all = try DeployedModel(path: run, on: cpu).predict("\(folder)/a.png", count: 99)
      #expect(all.count == 10 && abs(all.reduce(0) { $0 + $1.probability } - 1) < 1e-12)
      #expect(predictions[0]["name"] as! String == all[0].name)
      #expect(try tetrajet("predict", run, "\(folder)/none.png").status == 74)
    }
  }

  @Test("models lists the presets with parameters and multiply-adds")
  func models() throws {
    let text = try tetrajet("models")
    #expect(text.status == 0 && text.output.contains("swin_small_patch4_window7_224"))
    let json = try tetrajet("models", "--json")
    let lines = json.output.split(separator: "\n")
    #expect(lines.count == 7)
    let tiny = try JSONSerialization.jsonObject(with: Data(lines[0].utf8)) as! [String: Any]
    #expect(tiny["parameters"] as! Int == 5_717_416)
    // 12 blocks of 12·192²·197 + 2·197²·192, patches 196·768·192, head 192·1000.
    let expected = 12 * (12 * 192 * 192 * 197 + 2 * 197 * 197 * 192) + 196 * 768 * 192 + 192_000
    #expect(tiny["multiply_adds"] as! Int == expected)
  }

  @Test(
    "the account of training memory grows with the batch, and 4-bit codes take less than floats")
  func memory() throws {
    let shape = ModelConfiguration(
      imageSize: 32, patchSize: 4, width: 64, depth: 3, heads: 4, classes: 10)
    // Attention takes scratch for each thread.
    let cpu = cpu.on(threads: 2)
    let full = try ModelMemory(shape, .fp32, cpu)
    let packed = try ModelMemory(shape, .tetrajet, cpu)
    func perImage(_ memory: ModelMemory) -> Double {
      (memory.mebibytes(batch: 33) - memory.mebibytes(batch: 1)) * 1_048_576 / 32
    }
    #expect(full.state == packed.state && perImage(packed) < 0.6 * perImage(full))
    #expect(packed.mebibytes(batch: 32) > packed.mebibytes(batch: 1))
    // What a block of full precision keeps: qkv, x₁, y, and the inputs of four layers with GELU's, in widths.
    let least = Double(4 * 65 * 64 * 3 * (3 + 1 + 1 + 1 + 1 + 1 + 4 + 4))
    #expect(perImage(full) > least && perImage(full) < 2 * least)
    #expect(
      packed.kept.map(\.name) == [
        "embedding", "blocks.0", "blocks.1", "blocks.2", "norm and head",
      ])
    // Where all is computed again that can be, y in single precision, and seven widths of codes.
    let inSingle = 65 * 64 * 4
    #expect(packed.kept[1].bytes == packed.kept[2].bytes)
    #expect(
      packed.kept[1].bytes > inSingle + 65 * 64 * 7 / 2 && packed.kept[1].bytes < 4 * inSingle)
    #expect(packed.kept[1].bytes < full.kept[1].bytes)
    let unknown = try tetrajet("models", "deit_huge")
    #expect(unknown.status == 64 && unknown.errors.contains("deit_tiny_patch16_224"))
  }
}
