import Files
import Foundation
import ImageData
import MXRuntime
import TestSupport
import Testing
import Training

@Suite("A model at work stays in 4 bits", .serialized)
struct DeploymentCommandTests {
  private func withRun(
    _ method: String, _ settings: [String] = [],
    _ body: (_ folder: String, _ run: String) throws -> Void
  ) throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      let trained = try tetrajet(
        ["train", "--epochs", "1", "--output", run, "--method", method]
          + settings.flatMap { ["--set", $0] })
      try #require(trained.status == 0, "\(trained.errors)")
      try body(folder, run)
    }
  }

  private func object(_ arguments: [String]) throws -> [String: Any] {
    let result = try tetrajet(arguments + ["--json"])
    try #require(result.status == 0, "\(result.errors)")
    return try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as! [String: Any]
  }

  private func score(_ path: String, _ arguments: String...) throws -> [Double] {
    let line = try object(["eval", path, "--data", "digits"] + arguments)
    return ["eval_top1", "eval_top5", "eval_loss"].map { line[$0] as! Double }
  }

  private static let swin = [
    "model.architecture=swin", "model.image_size=32", "model.patch_size=4", "model.width=32",
    "model.stage_depths=[1,1]", "model.stage_heads=[1,2]", "model.window_size=4",
  ]

  @Test(
    "with full activations it computes what single precision does with the values of its codes",
    arguments: [[], Self.swin])
  func weightsOnly(settings: [String]) throws {
    try withRun("tetrajet+qema", settings) { folder, run in
      let packed = "\(folder)/packed"
      #expect(try tetrajet("quantize", run, packed).status == 0)
      // The same weights in a file that knows of no codes.
      let checkpoint = try Checkpoint(path: packed)
      var recipe = checkpoint.recipe
      (recipe.method, recipe.linear) = (.fp32, .fp32)
      try Checkpoint.write(
        "\(folder)/values", model: checkpoint.model, weights: checkpoint.weights, recipe: recipe,
        classNames: checkpoint.classNames)
      let values = try score("\(folder)/values")
      #expect(try score(packed, "--activations", "full") == values)
      // A run's weights become the codes that `quantize` writes.
      #expect(try score(run, "--activations", "full") == values)
      let trained = try score(run)
      #expect(trained != values)
      #expect(try score(run, "--activations", "mxfp4") == trained)
      #expect(try score(packed) == trained)
    }
  }

  @Test("its weights take 4.25 bits, whatever file they come from; the rest is said")
  func weights() throws {
    try withRun("tetrajet") { folder, run in
      #expect(try tetrajet("quantize", run, "\(folder)/packed").status == 0)
      #expect(try tetrajet("export", run, "\(folder)/mlx", "--layout", "mlx").status == 0)
      let checkpoint = try Checkpoint(path: run)
      let expected = checkpoint.model.parameters.entries.reduce(0) {
        // Codes of digits' widths, which are multiples of 32 and 16, fill their panels.
        $0 + ($1.quantized ? $1.count * 17 / 32 : $1.count * 4)
      }
      for path in [run, "\(folder)/packed", "\(folder)/mlx"] {
        let line = try object(["eval", path, "--data", "digits"])
        #expect(line["weights_mb"] as? Double == Double(expected) / 1e6, "\(path)")
        #expect(line["activations"] as? String == "mxfp4")
      }
      let bench = try object([
        "bench", "predict", "\(folder)/packed", "--batch", "3", "--repeats", "1", "--activations",
        "full",
      ])
      #expect(bench["weights_mb"] as? Double == Double(expected) / 1e6)
      #expect(bench["activations"] as? String == "full" && bench["batch"] as? Int == 3)
      let rate = bench["images_per_second"] as! Double
      #expect(abs(rate * (bench["seconds"] as! Double) - 3) < 1e-9)
      #expect(bench["first_seconds"] as! Double > bench["load_seconds"] as! Double)
    }
  }

  @Test("predictions of 4-bit files are those of the run, and their weights alone give others")
  func predictions() throws {
    try withRun("tetrajet+qema") { folder, run in
      let image = "\(folder)/image.png"
      let pixels = (0..<64).map { UInt8(truncatingIfNeeded: $0 * 37 + 11) }
      try Data(
        PNGEncoder.encode(
          Image(width: 8, height: 8, channels: 1, pixels: pixels), name: image)
      ).write(to: URL(fileURLWithPath: image))
      #expect(try tetrajet("export", run, "\(folder)/hf", "--layout", "hf").status == 0)
      func predict(_ path: String, _ arguments: String...) throws -> String {
        let result = try tetrajet(["predict", path, image, "--format", "csv"] + arguments)
        #expect(result.status == 0, "\(result.errors)")
        return result.output
      }
      let trained = try predict(run)
      #expect(try predict("\(folder)/hf") == trained)
      let full = try predict("\(folder)/hf", "--activations", "full")
      #expect(full != trained)
      #expect(try predict(run, "--activations", "full") == full)
    }
  }

  @Test("4-bit activations need 4-bit weights, which `quantize` makes of any run's")
  func singlePrecision() throws {
    try withRun("fp32") { folder, run in
      let refused = try tetrajet("eval", run, "--activations", "mxfp4")
      #expect(refused.status == 64 && refused.errors.contains("tetrajet quantize"))
      #expect(refused.errors.split(separator: "\n").count == 1, "\(refused.errors)")
      let packed = "\(folder)/packed"
      #expect(try tetrajet("quantize", run, packed).status == 0)
      let line = try object(["eval", packed, "--data", "digits"])
      #expect(line["activations"] as? String == "full")
      #expect(try score(packed) != score(run))
      #expect(try score(packed, "--activations", "mxfp4") != score(packed))
      let unknown = try tetrajet("eval", run, "--activations", "int8")
      #expect(unknown.status == 64 && unknown.errors.contains("mxfp4"), "\(unknown.errors)")
    }
  }

  @Test("the simulated engine stays what it is, and a scale that is no number is refused")
  func edges() throws {
    try withRun("tetrajet", ["engine=simulated"]) { folder, run in
      let trained = try score(run)
      let summary =
        try JSONSerialization.jsonObject(
          with: try Data(contentsOf: URL(fileURLWithPath: "\(run)/summary.json"))) as! [String: Any]
      #expect(trained[0] == summary["eval_top1"] as? Double)
      let packed = "\(folder)/packed"
      #expect(try tetrajet("quantize", run, packed).status == 0)
      #expect(try score(packed) == trained)
      // One scale byte becomes NaN's, and the file's hash goes.
      let file = try SafetensorsFile(path: packed)
      let name = "blocks.0.attn.qkv.weight_scales"
      let tensors = try file.entries.map { entry in
        guard entry.name == name else { return OutgoingTensor.copy(entry, of: file) }
        return .bytes(name, shape: entry.shape, [255] + (try file.bytes(name).dropFirst()))
      }
      try writeSafetensors(
        "\(folder)/broken", tensors: tensors,
        metadata: file.metadata.filter { !$0.key.contains("sha256") }, checksum: false)
      let broken = try tetrajet("eval", "\(folder)/broken", "--data", "digits")
      #expect(broken.status == 65 && broken.errors.contains("qkv"), "\(broken.errors)")
    }
  }
}
