import Files
import Foundation
import TestSupport
import Testing
import Training

@Suite("Standard output carries data, standard error what happens", .serialized)
struct OutputTests {
  /// The object of a line.
  static func object(_ text: some StringProtocol) throws -> [String: Any] {
    try JSONSerialization.jsonObject(with: Data(text.utf8)) as! [String: Any]
  }

  @Test("train prints nothing, or with --json its summary and folder, also after a resume")
  func train() throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      let quiet = try tetrajet("train", "--epochs", "1", "--method", "fp32", "--output", run)
      #expect(quiet.status == 0 && quiet.output.isEmpty, "\(quiet)")
      let result = try tetrajet("train", "--resume", run, "--json")
      #expect(result.status == 0 && result.output.filter { $0 == "\n" }.count == 1, "\(result)")
      var printed = try Self.object(result.output)
      #expect(printed.removeValue(forKey: "output") as? String == run)
      let summary = try Self.object(
        String(decoding: readFile("\(run)/summary.json"), as: UTF8.self))
      #expect(NSDictionary(dictionary: printed) == NSDictionary(dictionary: summary))
    }
  }

  /// A demo's folder for a method.
  private static func folder(_ method: Any?) -> String {
    "\(method as? String ?? "none")-0".replacing("+", with: "-")
  }

  @Test("demo prints a table, or with --json one summary a method")
  func demo() throws {
    try withTemporaryFolder { folder in
      let result = try tetrajet("demo", "--epochs", "1", "--json", "--output", folder)
      #expect(result.status == 0, "\(result.errors)")
      let lines = try result.output.split(separator: "\n").map(Self.object)
      #expect(lines.compactMap { $0["method"] as? String } == Method.allCases.map(\.rawValue))
      #expect(
        lines.allSatisfy {
          $0["output"] as? String == "\(folder)/runs/\(Self.folder($0["method"]))"
        })
      let table = try tetrajet("demo", "--epochs", "1")
      #expect(table.output.hasPrefix("Digits, "), "\(table.output)")
      #expect(table.output.split(separator: "\n").count == 3 + Method.allCases.count)
      #expect(!table.output.contains("\u{1B}"))
    }
  }

  @Test(
    "demo says which method of how many has run, how long the others will take, and what to do next"
  )
  func demoProgress() throws {
    let lines = try tetrajet("demo", "--epochs", "1").errors.split(separator: "\n").map(String.init)
    let count = Method.allCases.count
    #expect(lines[0].hasPrefix("\(count) runs, 0 of them finished"))
    for (index, method) in Method.allCases.enumerated() {
      let line = try #require(lines.first { $0.hasPrefix("\(index + 1) of \(count): ") })
      #expect(line.contains(": \(Self.folder(method.rawValue)), top-1 "), "\(line)")
      #expect(line.hasSuffix(" left") == (index + 1 < count), "\(line)")
    }
    let next = try #require(lines.last)
    #expect(next.contains("\(commandURL.path) train --data FOLDER --output "), "\(lines)")
  }

  @Test("quantize tells what it did, in a sentence or in JSON; trace prints nothing")
  func tools() throws {
    try withTemporaryFolder { folder in
      try writeSafetensors(
        "\(folder)/in",
        tensors: [
          .floats("w", shape: [2, 32], (0..<64).map(Float.init)),
          .floats("bias", shape: [2], [1, 2]),
        ])
      let result = try tetrajet("quantize", "\(folder)/in", "\(folder)/out", "--json")
      let line = try Self.object(result.output)
      #expect(line["matrices"] as? Int == 1 && line["elements"] as? Int == 64)
      #expect(line["copied_tensors"] as? Int == 1 && line["broken_groups"] as? Int == 0)
      #expect(line["bytes_before"] as? Int == 256 && line["bytes_after"] as? Int == 34)
      #expect(line["rounding"] as? String == "nearest-even")
      #expect(line["output"] as? String == "\(folder)/out" && result.errors.isEmpty)

      // One pixel, one token, two classes.
      try writeSafetensors(
        "\(folder)/step", tensors: try Self.tinyModel(),
        metadata: [
          "architecture": "vit", "img_size": "4", "patch_size": "4", "in_chans": "1",
          "embed_dim": "4", "depth": "1", "num_heads": "1", "mlp_ratio": "1", "num_classes": "2",
          "norm_eps": "1e-6",
        ])
      let trace = try tetrajet(
        "trace", "\(folder)/step", "\(folder)/trace", "--method", "fp32")
      #expect(trace.status == 0 && trace.output.isEmpty && trace.errors.isEmpty, "\(trace)")
    }
  }

  private static func tinyModel() throws -> [OutgoingTensor] {
    func zeros(_ name: String, _ shape: Int...) -> OutgoingTensor {
      .floats(name, shape: shape, [Float](repeating: 0.1, count: shape.reduce(1, *)))
    }
    let block = [
      ("norm1", [4]), ("attn.qkv", [12, 4]), ("attn.proj", [4, 4]), ("norm2", [4]),
      ("mlp.fc1", [4, 4]), ("mlp.fc2", [4, 4]),
    ]
    var tensors = [
      zeros("model.cls_token", 1, 1, 4), zeros("model.pos_embed", 1, 2, 4),
      zeros("model.patch_embed.proj.weight", 4, 1, 4, 4), zeros("model.patch_embed.proj.bias", 4),
      zeros("model.norm.weight", 4), zeros("model.norm.bias", 4), zeros("model.head.weight", 2, 4),
      zeros("model.head.bias", 2), zeros("images", 1, 1, 4, 4),
    ]
    for (name, shape) in block {
      let count = shape.reduce(1, *)
      tensors.append(
        .floats(
          "model.blocks.0.\(name).weight", shape: shape, [Float](repeating: 0.1, count: count)))
      tensors.append(zeros("model.blocks.0.\(name).bias", shape[0]))
    }
    return tensors + [.integers("labels", shape: [1], [1])]
  }
}
