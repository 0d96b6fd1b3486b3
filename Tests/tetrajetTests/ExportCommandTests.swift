import Files
import Foundation
import TestSupport
import Testing
import Training

@Suite("export takes the codes of training away", .serialized)
struct ExportCommandTests {
  private func json(_ path: String) throws -> [String: Any] {
    try JSONSerialization.jsonObject(with: try Data(contentsOf: URL(fileURLWithPath: path)))
      as! [String: Any]
  }

  @Test(
    "folders hold the bytes of training's codes under their own names",
    arguments: [[], Exports.swin])
  func folders(settings: [String]) throws {
    try Exports.withRun("tetrajet+qema", settings) { folder, run, codes in
      let isSwin = !settings.isEmpty
      let (ours, theirs) =
        isSwin
        ? ("layers.1.blocks.0", "swin.encoder.layers.1.blocks.0")
        : ("blocks.1", "vit.encoder.layer.1")
      let attention = isSwin ? "attention.self" : "attention.attention"
      try Exports.export(run, "\(folder)/hf", "hf")
      try Exports.export(run, "\(folder)/ct", "compressed-tensors")
      try Exports.export(run, "\(folder)/mlx", "mlx")
      let hf = try SafetensorsFile(path: "\(folder)/hf/model.safetensors")
      let ct = try SafetensorsFile(path: "\(folder)/ct/model.safetensors")
      let mlx = try SafetensorsFile(path: "\(folder)/mlx/model.safetensors")
      for (layer, there) in [
        ("mlp.fc1", "intermediate.dense"), ("mlp.fc2", "output.dense"),
        ("attn.proj", "attention.output.dense"),
      ] {
        let blocks = try codes.bytes("\(ours).\(layer).weight_blocks")
        let scales = try codes.bytes("\(ours).\(layer).weight_scales")
        #expect(try hf.bytes("\(theirs).\(there).weight_blocks") == blocks)
        #expect(try hf.bytes("\(theirs).\(there).weight_scales") == scales)
        #expect(try ct.bytes("\(theirs).\(there).weight_packed") == blocks)
        #expect(try ct.bytes("\(theirs).\(there).weight_scale") == scales)
        #expect(try mlx.bytes("\(ours).\(layer).weight") == blocks)
        #expect(try mlx.bytes("\(ours).\(layer).scales") == scales)
      }
      let joined = try ["query", "key", "value"].flatMap {
        try ct.bytes("\(theirs).\(attention).\($0).weight_packed")
      }
      #expect(try joined == codes.bytes("\(ours).attn.qkv.weight_blocks"))
      #expect(
        try ct.floats("classifier.weight")
          == codes.floats(isSwin ? "head.fc.weight" : "head.weight"))
      #expect(ct["\(theirs).intermediate.dense.weight"] == nil)
      let width = ct["\(theirs).intermediate.dense.weight_packed"]!.shape
      #expect(mlx["\(ours).mlp.fc1.weight"]!.shape == [width[0], width[1] / 4])
      #expect(mlx["\(ours).mlp.fc1.weight"]!.type == .u32)

      #expect(ct.metadata["format"] == "pt" && ct.metadata["scale_rule"] == "truncation-free")
      #expect(ct.metadata["tau"] == "6.0" && ct.metadata["rounding"] == "ema")
      let hash = try SafetensorsFile(path: "\(run)/last.safetensors").metadata["tetrajet.sha256"]
      #expect(hash != nil && ct.metadata["source_sha256"] == hash)

      let configuration = try json("\(folder)/ct/config.json")
      let quantization = configuration["quantization_config"] as! [String: Any]
      #expect(quantization["format"] as? String == "mxfp4-pack-quantized")
      let kept =
        isSwin ? ["swin.encoder.layers.0.downsample.reduction", "classifier"] : ["classifier"]
      #expect(quantization["ignore"] as? [String] == kept)
      #expect((configuration["id2label"] as! [String: String]).count == 10)
      #expect(try json("\(folder)/ct/preprocessor_config.json")["do_normalize"] as? Bool == true)
      let mode = try json("\(folder)/mlx/config.json")["quantization"] as! [String: Any]
      #expect(mode["mode"] as? String == "mxfp4" && mode["group_size"] as? Int == 32)
    }
  }

  @Test("a file of ggml's holds the codes in its own order, and everything at multiples of 32")
  func gguf() throws {
    try Exports.withRun { folder, run, codes in
      try Exports.export(run, "\(folder)/model.gguf", "gguf")
      let file = try GGUFReading(path: "\(folder)/model.gguf")
      #expect(file.version == 3 && file.strings["general.architecture"] == "vit")
      #expect(file.strings["tetrajet.scale_rule"] == "truncation-free")
      let name = "blocks.2.mlp.fc2.weight"
      let tensor = try #require(file.tensors[name])
      let blocks = try codes.bytes("\(name)_blocks")
      let scales = try codes.bytes("\(name)_scales")
      let shape = codes["\(name)_blocks"]!.shape
      #expect(tensor.type == 39 && tensor.shape == [32 * shape[1], shape[0]])
      #expect(tensor.offset % 32 == 0)
      for group in 0..<scales.count {
        let block = file.bytes(tensor.offset + 17 * group, count: 17)
        #expect(block[0] == scales[group])
        for element in 0..<32 {
          let here = blocks[16 * group + element / 2] >> UInt8(4 * (element % 2)) & 15
          let there = block[1 + element % 16] >> UInt8(4 * (element / 16)) & 15
          #expect(here == there, "group \(group), element \(element)")
        }
      }
      let bias = try #require(file.tensors["blocks.2.mlp.fc2.bias"])
      let values = try codes.floats("blocks.2.mlp.fc2.bias")
      #expect(bias.type == 0 && bias.offset % 32 == 0)
      #expect(
        file.bytes(bias.offset, count: 4 * values.count)
          == values.flatMap { value in
            (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
          })
    }
  }

  @Test("an ONNX file holds every weight once, in 4 bits, and names what it is fed with and gives")
  func onnx() throws {
    try Exports.withRun { folder, run, codes in
      try Exports.export(run, "\(folder)/model.onnx", "onnx")
      try Exports.export(run, "\(folder)/f32.onnx", "onnx", "--scales", "f32")
      for (name, type) in [("model", 24), ("f32", 1)] {
        let file = try ONNXReading(path: "\(folder)/\(name).onnx")
        let layers = codes.entries.filter { $0.name.hasSuffix("_blocks") }
        for layer in layers {
          let base = String(layer.name.dropLast(7))
          let elements = try #require(file.constants["\(base)_codes"])
          #expect(try elements.type == 23 && elements.bytes == codes.bytes(layer.name))
          #expect(elements.shape == [layer.shape[0], 32 * layer.shape[1]])
          let scales = try #require(file.constants["\(base)_scales"])
          #expect(scales.type == type && scales.shape == Array(layer.shape.prefix(2)))
          if type == 24 { #expect(try scales.bytes == codes.bytes("\(base)_scales")) }
        }
        #expect(file.operators["DequantizeLinear"] == layers.count)
        #expect(file.inputs == ["images"] && file.outputs == ["logits"])
      }
      // Runtimes that do not know the type get the same bytes and a table.
      try Exports.export(run, "\(folder)/table.onnx", "onnx", "--codes", "table")
      let file = try ONNXReading(path: "\(folder)/table.onnx")
      let values: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
      let table = try #require(file.constants["e2m1_values"])
      #expect(
        table.bytes
          == (values + values.map { -$0 }).flatMap { value in
            (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
          })
      let codesThere = try #require(file.constants["blocks.0.attn.qkv.weight_codes"])
      #expect(
        try codesThere.type == 2
          && codesThere.bytes == codes.bytes("blocks.0.attn.qkv.weight_blocks"))
      #expect(file.operators["DequantizeLinear"] == nil && file.operators["Gather"]! > 12)
    }
  }

  @Test("the rest may be bfloat16, the nearest one")
  func halves() throws {
    try Exports.withRun { folder, run, codes in
      try Exports.export(run, "\(folder)/ct", "compressed-tensors", "--rest", "bf16")
      let file = try SafetensorsFile(path: "\(folder)/ct/model.safetensors")
      #expect(file["classifier.weight"]!.type == .bf16)
      let (found, exact) = (try file.floats("classifier.weight"), try codes.floats("head.weight"))
      for (a, b) in zip(found, exact) { #expect(abs(a - b) <= abs(b) / 256) }
      #expect(zip(found, exact).contains { $0 != $1 })
    }
  }

  @Test("what quantize has made is exported as it is")
  func quantized() throws {
    try Exports.withRun { folder, run, _ in
      try Exports.export(run, "\(folder)/a", "mlx")
      try Exports.export("\(folder)/packed", "\(folder)/b", "mlx")
      let files = try ["a", "b"].map {
        try SafetensorsFile(path: "\(folder)/\($0)/model.safetensors")
      }
      #expect(files[0].entries.map(\.name) == files[1].entries.map(\.name))
      for entry in files[0].entries {
        #expect(try files[0].bytes(entry.name) == files[1].bytes(entry.name), "\(entry.name)")
      }
    }
  }

  @Test(
    "eval, predict, --init and export take all but ONNX back, and compute what the run does",
    arguments: [[], Exports.swin])
  func back(settings: [String]) throws {
    try Exports.withRun("tetrajet+qema", settings) { folder, run, codes in
      func score(_ path: String) throws -> [Double] {
        let result = try tetrajet("eval", path, "--json")
        #expect(result.status == 0, "\(result.errors)")
        let line =
          try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as! [String: Any]
        return ["eval_top1", "eval_loss"].map { line[$0] as! Double }
      }
      let expected = try score(run)
      for layout in ["hf", "compressed-tensors", "mlx", "gguf"] {
        let exported = "\(folder)/\(layout)"
        try Exports.export(run, exported, layout)
        #expect(try score(exported) == expected, "\(layout)")
        // Again, from that.
        try Exports.export(exported, "\(folder)/\(layout)-again", layout)
        if layout == "gguf" {
          // All but the hashes of the source, and of the file itself.
          let tensors = try [exported, "\(exported)-again"].map {
            let file = try GGUFReading(path: $0)
            return file.bytes(0, count: file.dataCount)
          }
          #expect(tensors[0] == tensors[1] && !tensors[0].isEmpty)
        } else {
          let files = try [exported, "\(exported)-again"].map {
            try SafetensorsFile(path: "\($0)/model.safetensors")
          }
          for entry in files[0].entries {
            #expect(try files[0].bytes(entry.name) == files[1].bytes(entry.name), "\(entry.name)")
          }
        }
        let started = try tetrajet(
          ["train", "--epochs", "1", "--init", exported, "--output", "\(folder)/\(layout)-run"]
            + [
              "optimizer.learning_rate=0", "optimizer.weight_decay=0",
              "schedule.warmup_learning_rate=0", "schedule.final_learning_rate=0",
            ].flatMap { ["--set", $0] })
        #expect(started.status == 0, "\(started.errors)")
        let block = settings.isEmpty ? "blocks.1" : "layers.1.blocks.0"
        let name = "\(block).attn.qkv.weight"
        let trained = try SafetensorsFile(path: "\(folder)/\(layout)-run/last.safetensors")
        let values = try #require(try? trained.floats(name))
        #expect(Set(values.map(abs)).count < values.count / 10, "these are codes times scales")
      }
      try ModelCommandTests.onePixel.write(to: URL(fileURLWithPath: "\(folder)/a.png"))
      let predictions = try [run, "\(folder)/hf", "\(folder)/gguf"].map {
        try tetrajet("predict", $0, "\(folder)/a.png", "--top", "10", "--json").output
      }
      #expect(Set(predictions).count == 1 && !predictions[0].isEmpty)
    }
  }

  @Test("what cannot be exported is said in one line, and nothing is written")
  func refusals() throws {
    try Exports.withRun { folder, run, _ in
      func refused(_ status: Int32, _ words: String, _ arguments: String...) throws {
        let result = try tetrajet(["export"] + arguments)
        #expect(result.status == status && result.output.isEmpty, "\(result)")
        #expect(result.errors.contains(words), "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
      }
      let out = "\(folder)/out"
      try FileManager.default.createDirectory(atPath: out, withIntermediateDirectories: false)
      try "mine".write(toFile: "\(out)/notes.txt", atomically: true, encoding: .utf8)
      try refused(64, "holds other things, as notes.txt", run, out, "--layout", "hf", "--force")
      #expect(try FileManager.default.contentsOfDirectory(atPath: out) == ["notes.txt"])
      try Exports.export(run, "\(folder)/hf", "hf")
      try refused(64, "exists; give another name", run, "\(folder)/hf", "--layout", "mlx")
      // What is read is never replaced, by whatever name.
      try refused(64, "is the input", "\(folder)/hf", "\(folder)/hf/", "--layout", "mlx", "--force")
      try refused(
        64, "is the input", "\(folder)/hf/model.safetensors", "\(folder)/hf", "--layout", "mlx",
        "--force")
      try refused(
        64, "is the input", "\(folder)/hf", "\(folder)/hf/model.safetensors", "--layout", "gguf",
        "--force")
      try Exports.export(run, "\(folder)/slash/", "hf")
      #expect(FileManager.default.fileExists(atPath: "\(folder)/slash/config.json"))
      let replaced = try tetrajet("export", run, "\(folder)/hf", "--layout", "mlx", "--force")
      #expect(replaced.status == 0, "\(replaced.errors)")
      try refused(64, "the input", run, "\(run)/last.safetensors", "--layout", "gguf", "--force")
      try refused(
        64, "--activations mxfp4 goes with compressed-tensors", run, "\(folder)/x", "--layout",
        "gguf", "--activations", "mxfp4")
      try refused(
        64, "--scales and --codes go with onnx only: mlx", run, "\(folder)/x", "--layout", "mlx",
        "--scales", "f32")
      try refused(74, "no/such", run, "\(folder)/no/such/folder", "--layout", "hf")

      let plain = "\(folder)/plain"
      #expect(
        try tetrajet("train", "--epochs", "1", "--method", "fp32", "--output", plain).status == 0)
      try refused(65, "there are no codes to export", plain, "\(folder)/x", "--layout", "gguf")
      let third = "\(folder)/third"
      #expect(
        try tetrajet(
          "train", "--epochs", "1", "--set", "model.architecture=deit3", "--output", third
        ).status == 0)
      try refused(
        65, "is a DeiT-III, which transformers have no model for; export it as onnx", third,
        "\(folder)/x", "--layout", "compressed-tensors")
      try Exports.export(third, "\(folder)/third.onnx", "onnx")
      let other = "\(folder)/other"
      #expect(try tetrajet("quantize", run, other, "--format", "e3m0").status == 0)
      try refused(65, "its weights are in e3m0", other, "\(folder)/x", "--layout", "hf")
      #expect(try tetrajet("quantize", run, "\(folder)/c", "--axis", "columns").status == 0)
      try refused(65, "groups lie along columns", "\(folder)/c", "\(folder)/x", "--layout", "hf")
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/x"))
      let left = try FileManager.default.contentsOfDirectory(atPath: folder)
      #expect(!left.contains { $0.contains(".partial") || $0.contains(".older") }, "\(left)")
    }
  }
}
