import Files
import Foundation
import TestSupport
import Testing

@Suite("export knows what training did to inputs and weights before it quantized them", .serialized)
struct ExportOptionTests {
  /// The test loss of a model.
  private func loss(_ path: String, _ more: String...) throws -> Double {
    let result = try tetrajet(["eval", path, "--json"] + more)
    try #require(result.status == 0, "\(result.errors)")
    let line = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
    return try #require(line?["eval_loss"] as? Double)
  }

  @Test(
    "means of inputs become part of biases, where a layer in front can subtract them",
    arguments: [[], Exports.swin])
  func means(settings: [String]) throws {
    let split = "quantizers.mean_split="
    try Exports.withRun("tetrajet", settings + [split + "[qkv, proj, fc1]"]) { folder, run, _ in
      try Exports.export(run, "\(folder)/ct", "compressed-tensors", "--activations", "mxfp4")
      try Exports.export(run, "\(folder)/model.gguf", "gguf")
      let file = try SafetensorsFile(path: "\(folder)/ct/model.safetensors")
      #expect(!file.tensorNames.contains { $0.hasSuffix("input_mean") })
      // What is not subtracted any more comes out the same, but for single precision's rounding, which may move a code.
      let (own, other) = (try loss(run), try loss("\(folder)/ct"))
      #expect(abs(own - other) < 2e-3, "\(own) \(other)")
      #expect(try loss("\(folder)/model.gguf") == other)
      let exact = try loss(run, "--activations", "full")
      #expect(abs(try loss("\(folder)/ct", "--activations", "full") - exact) < 1e-5)
      #expect(abs(own - exact) > 1e-4)
    }
    try Exports.withRun("tetrajet", settings + [split + "[fc2]"]) { folder, run, _ in
      let refused = try tetrajet(
        "export", run, "\(folder)/ct", "--layout", "compressed-tensors", "--activations", "mxfp4")
      #expect(refused.status == 65 && refused.errors.contains("behind GELU"), "\(refused.errors)")
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/ct"))
      try Exports.export(run, "\(folder)/model.gguf", "gguf")
      let exact = try loss(run, "--activations", "full")
      #expect(abs(try loss("\(folder)/model.gguf", "--activations", "full") - exact) < 1e-5)
    }
  }

  @Test("rotated weights have no codes of their own; a model of a window is that of its last step")
  func rotationsAndWindows() throws {
    try withTemporaryFolder { folder in
      func train(_ setting: String) throws -> String {
        let run = "\(folder)/\(setting.hasSuffix("]") ? "rotated" : "window")"
        let result = try tetrajet("train", "--epochs", "1", "--output", run, "--set", setting)
        try #require(result.status == 0, "\(result.errors)")
        return run
      }
      let rotated = try train("quantizers.hadamard=[y]")
      for command in [["export", "--layout", "gguf"], ["quantize"]] {
        let result = try tetrajet(command + [rotated, "\(folder)/out"])
        let errors = result.errors
        #expect(result.status == 65 && errors.contains("rotated weights"), "\(errors)")
      }
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/out"))
      #expect(try tetrajet("eval", rotated).status == 0)
      let window = try train("quantizers.q1.until=0.5")
      let (own, full) = (
        try tetrajet("eval", window, "--json"),
        try tetrajet("eval", window, "--json", "--activations", "full")
      )
      #expect(own.status == 0 && own.output == full.output)
      #expect(own.output.contains(#""activations": "full""#))
    }
  }

  @Test("channels in a wider format are the run's, and no file's of 4-bit weights")
  func outlierChannels() throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      let trained = try tetrajet(
        "train", "--epochs", "2", "--method", "tetrajet-v2", "--output", run)
      try #require(trained.status == 0, "\(trained.errors)")
      for command in [["export", "--layout", "gguf"], ["quantize"]] {
        let result = try tetrajet(command + [run, "\(folder)/out"])
        let errors = result.errors
        #expect(result.status == 65 && errors.contains("outcontrol.share"), "\(errors)")
      }
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/out"))
      // What is evaluated is what was trained, channels and all.
      let summary = try Data(contentsOf: URL(fileURLWithPath: "\(run)/summary.json"))
      let known = try JSONSerialization.jsonObject(with: summary) as? [String: Any]
      #expect(try loss(run) == (try #require(known?["eval_loss"] as? Double)))
      let marks = "blocks.0.attn.qkv.outlier_channels"
      #expect(try SafetensorsFile(path: "\(run)/last.safetensors").tensorNames.contains(marks))
      let next = try tetrajet(
        "train", "--epochs", "1", "--init", "\(run)/last.safetensors", "--output",
        "\(folder)/next")
      #expect(next.status == 0, "\(next.errors)")
    }
  }

  @Test("a mean that training subtracts from a window's padding, too, is no norm's to subtract")
  func padding() throws {
    // Grids of six in windows of four.
    let padded = Exports.swin.filter { !$0.hasPrefix("model.image_size") } + ["model.image_size=24"]
    let split = "quantizers.mean_split="
    try Exports.withRun("tetrajet", padded + [split + "[qkv, proj, fc1]"]) { folder, run, _ in
      let refused = try tetrajet(
        "export", run, "\(folder)/ct", "--layout", "compressed-tensors", "--activations", "mxfp4")
      #expect(refused.status == 65 && refused.errors.contains("padding"), "\(refused.errors)")
      try Exports.export(run, "\(folder)/model.gguf", "gguf")
      let exact = try loss(run, "--activations", "full")
      #expect(abs(try loss("\(folder)/model.gguf", "--activations", "full") - exact) < 1e-5)
    }
    try Exports.withRun("tetrajet", padded + [split + "[proj, fc1]"]) { folder, run, _ in
      try Exports.export(
        run, "\(folder)/ct", "compressed-tensors", "--activations", "mxfp4")
      let (own, other) = (try loss(run), try loss("\(folder)/ct"))
      #expect(abs(own - other) < 2e-3, "\(own) \(other)")
    }
  }
}
