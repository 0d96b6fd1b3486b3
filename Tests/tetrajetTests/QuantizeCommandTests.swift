import Files
import Foundation
import MXFormats
import TestSupport
import Testing
import Training

@Suite("quantize makes 4-bit checkpoints that every subcommand reads", .serialized)
struct QuantizeCommandTests {
  private func train(_ run: String, _ arguments: [String]) throws {
    let result = try tetrajet(["train", "--epochs", "1", "--output", run] + arguments)
    #expect(result.status == 0, "\(result.errors)")
  }

  private func score(_ path: String) throws -> [Double] {
    let result = try tetrajet("eval", path, "--json")
    #expect(result.status == 0, "\(result.errors)")
    let line = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as! [String: Any]
    return ["eval_top1", "eval_top5", "eval_loss"].map { line[$0] as! Double }
  }

  @Test(
    "The quantized file scores and predicts to the last bit what the checkpoint does",
    arguments: [
      ["--method", "tetrajet"], ["--method", "microscaling"], ["--method", "tetrajet+qema"],
      ["--method", "tetrajet", "--engine", "simulated"],
      ["--method", "tetrajet", "--set", "quantizers.q2.scale=even"],
      ["--method", "tetrajet", "--set", "quantizers.q2.scale=ceil"],
      ["--method", "tetrajet", "--set", "quantizers.q2.format=e3m0"],
    ])
  func sameModel(method: [String]) throws {
    try withTemporaryFolder { folder in
      let (run, packed) = ("\(folder)/run", "\(folder)/packed")
      try train(run, method)
      let result = try tetrajet("quantize", "\(run)/last.safetensors", packed)
      #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
      #expect(result.output.hasPrefix("12 matrices, "), "\(result.output)")
      #expect(result.output.contains("among them 1 matrix that training keeps"), "\(result.output)")

      let file = try SafetensorsFile(path: packed)
      let names = Set(file.entries.map(\.name))
      #expect(names.contains("head.weight") && names.contains("blocks.2.mlp.fc2.weight_blocks"))
      #expect(!names.contains { $0.contains(".ema") || $0 == "blocks.0.attn.qkv.weight" })

      #expect(try score(packed) == score(run))
      try ModelCommandTests.onePixel.write(to: URL(fileURLWithPath: "\(folder)/a.png"))
      let predictions = try [run, packed].map {
        try tetrajet("predict", $0, "\(folder)/a.png", "--top", "10", "--json").output
      }
      #expect(predictions[0] == predictions[1] && !predictions[0].isEmpty)
    }
  }

  @Test(
    "A run in INT4 scores what it scored in training, and says that no file holds its codes",
    arguments: [("int4", "packed"), ("int4", "simulated"), ("int4-xi", "simulated")])
  func int4(method: String, engine: String) throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      try train(run, ["--method", method, "--engine", engine, "--set", "model.depth=1"])
      let summary = try RunSummary(path: "\(run)/summary.json")
      // Foundation reads numbers to the last bit but one.
      for (found, expected) in zip(
        try score(run), [summary.evalTop1, summary.evalTop5, summary.evalLoss])
      { #expect(abs(found - expected) < 1e-9) }
      let refused = try tetrajet("quantize", run, "\(folder)/q")
      #expect(refused.status == 65 && refused.errors.contains("was trained "), "\(refused)")
      #expect(
        refused.errors.contains(method) && !FileManager.default.fileExists(atPath: "\(folder)/q"))
      let export = try tetrajet("export", run, "\(folder)/e", "--layout", "gguf")
      #expect(export.status == 65 && export.errors.contains(method), "\(export)")
      guard method == "int4" else { return }
      // What is asked for by name is made.
      let made = try tetrajet("quantize", run, "\(folder)/q", "--format", "mxfp4")
      #expect(made.status == 0, "\(made)")
      #expect(try score("\(folder)/q") != score(run))
    }
  }

  @Test("A file that claims codes in a format that files do not have is one clear line")
  func strangeFormat() throws {
    try withTemporaryFolder { folder in
      try writeSafetensors(
        "\(folder)/in", tensors: [.floats("w", shape: [2, 32], [Float](repeating: 1, count: 64))],
        metadata: [
          "element_format": "int4", "scale_rule": "floor", "rounding": "nearest-even",
          "group_axis": "rows",
        ])
      let found = try tetrajet("quantize", "\(folder)/in", "\(folder)/out")
      #expect(found.status == 65 && found.errors.contains("one of e2m1, e3m0, nvfp4"), "\(found)")
    }
  }

  @Test("A run starts from the values of a quantized file, which carries a checksum of its own")
  func start() throws {
    try withTemporaryFolder { folder in
      let (run, packed) = ("\(folder)/run", "\(folder)/packed")
      try train(run, ["--method", "tetrajet+qema"])
      #expect(try tetrajet("quantize", run, packed).status == 0)
      #expect(try tetrajet("quantize", run, "\(folder)/values", "--values").status == 0)
      let next = "\(folder)/next"
      try train(
        next,
        [
          "--init", packed, "--method", "fp32", "--set", "optimizer.learning_rate=0",
          "--set", "schedule.warmup_learning_rate=0", "--set", "schedule.final_learning_rate=0",
        ])
      let started = try SafetensorsFile(path: "\(next)/last.safetensors")
      let values = try SafetensorsFile(path: "\(folder)/values")
      for name in ["blocks.0.attn.qkv.weight", "blocks.2.mlp.fc1.weight"] {
        #expect(try started.floats(name) == values.floats("\(name).values"))
      }

      let over = try tetrajet("quantize", run, "\(run)/last.safetensors", "--force")
      #expect(over.status == 64 && over.errors.contains("is the input"), "\(over)")

      // Once more: a copy, with a checksum that is its own.
      let again = try tetrajet("quantize", packed, "\(folder)/again")
      #expect(
        again.status == 0
          && again.errors.contains("already: it stays as it is (quantized matrices: 12)"),
        "\(again)")
      #expect(try readFile("\(folder)/again") == readFile(packed))
      #expect(try SafetensorsFile(path: packed).hasChecksum)
      let other = try tetrajet("quantize", packed, "\(folder)/other", "--format", "e3m0")
      #expect(
        other.status == 65 && other.errors.contains("is quantized already (e2m1")
          && !FileManager.default.fileExists(atPath: "\(folder)/other"), "\(other)")

      var bytes = try readFile(packed)
      bytes[bytes.count - 9] ^= 1
      try Data(bytes).write(to: URL(fileURLWithPath: packed))
      let damaged = try tetrajet("eval", packed)
      #expect(damaged.status == 65 && damaged.errors.contains("is damaged"), "\(damaged)")
    }
  }

  @Test("--all takes the head too; other formats and axes are read as what they are")
  func options() throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      try train(run, ["--method", "tetrajet"])
      for options in [["--all"], ["--format", "e3m0"], ["--axis", "columns"]] {
        let (packed, values) = ("\(folder)/packed", "\(folder)/values")
        for arguments in [[packed], [values, "--values"]] {
          let result = try tetrajet(["quantize", run] + arguments + options + ["--force"])
          #expect(result.status == 0, "\(options): \(result.errors)")
        }
        let file = try SafetensorsFile(path: packed)
        #expect((file["head.weight_blocks"] != nil) == (options == ["--all"]))
        let decoded = try SafetensorsFile(path: values)
        let checkpoint = try Checkpoint(path: packed)
        for entry in checkpoint.model.parameters.entries where entry.quantized {
          let same =
            try Array(checkpoint.weights.elements[entry.range])
            == decoded.floats("\(entry.name).values")
          #expect(same, "\(options): \(entry.name)")
        }
        // No second quantizer changes them.
        let quantizer = checkpoint.recipe.linear[.q2]
        #expect(quantizer?.format == (options.last == "columns" ? nil : file.format))
        _ = try score(packed)
      }
    }
  }

  @Test(
    "Another model's file is quantized whole, and that is said; a name that is taken is one line")
  func foreign() throws {
    try withTemporaryFolder { folder in
      let (input, output) = ("\(folder)/in", "\(folder)/out")
      let matrix = [Float](repeating: 1, count: 64)
      try writeSafetensors(
        input,
        tensors: [.floats("w", shape: [2, 32], matrix), .floats("head", shape: [2, 32], matrix)])
      let result = try tetrajet("quantize", input, output)
      #expect(
        result.output.hasPrefix("2 matrices, 128 elements")
          && result.output.contains("not a checkpoint of 'tetrajet train': all"), "\(result)")
      for taken in ["w_blocks", "w_scales"] {
        try writeSafetensors(
          input,
          tensors: [.floats("w", shape: [2, 32], matrix), .floats(taken, shape: [64], matrix)])
        let clash = try tetrajet("quantize", input, "\(folder)/clash")
        #expect(
          clash.status == 65 && clash.errors.contains("has a tensor '\(taken)'")
            && clash.errors.split(separator: "\n").count == 1, "\(clash)")
        #expect(!FileManager.default.fileExists(atPath: "\(folder)/clash"))
      }
    }
  }
}

extension SafetensorsFile {
  /// The format that a quantized file names.
  fileprivate var format: BlockFormat? { metadata["element_format"].flatMap(BlockFormat.init) }
}
