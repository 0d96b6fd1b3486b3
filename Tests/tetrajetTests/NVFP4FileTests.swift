import Files
import Foundation
import TestSupport
import Testing

@Suite("NVFP4 goes into files and comes back", .serialized)
struct NVFP4FileTests {
  private func json(_ arguments: [String]) throws -> [String: Any] {
    let result = try tetrajet(arguments + ["--json"])
    try #require(result.status == 0, "\(result.errors)")
    return try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as! [String: Any]
  }

  private func score(_ path: String) throws -> [Double] {
    let line = try json(["eval", path])
    return ["eval_top1", "eval_loss"].compactMap { line[$0] as? Double }
  }

  private static let truncationFree = ["q1", "q2"].map { "quantizers.\($0).format=nvfp4" }

  @Test(
    "the codes of training are in the files, are found there, and compute what the run does",
    arguments: [
      ("nvidia-nvfp4", [], "even"), ("nvidia-nvfp4", Exports.swin, "even"),
      ("tetrajet", truncationFree, "truncation-free"),
      ("tetrajet+qema", truncationFree, "truncation-free"),
      ("tetrajet", truncationFree + ["quantizers.q2.four_over_six=true"], "truncation-free"),
      (
        "tetrajet",
        truncationFree + ["quantizers.q2.four_over_six=true", "quantizers.q2.scale=even"], "even"
      ),
      ("tetrajet", truncationFree + ["engine=simulated"], "truncation-free"),
    ])
  func back(method: String, settings: [String], rule: String) throws {
    try Exports.withRun(method, settings) { folder, run, codes in
      let isSwin = settings == Exports.swin
      let ours = isSwin ? "layers.1.blocks.0.mlp.fc1.weight" : "blocks.1.mlp.fc1.weight"
      let theirs =
        (isSwin ? "swin.encoder.layers.1.blocks.0" : "vit.encoder.layer.1")
        + ".intermediate.dense.weight"
      try Exports.export(run, "\(folder)/ct", "compressed-tensors")
      let ct = try SafetensorsFile(path: "\(folder)/ct/model.safetensors")
      #expect(try ct.bytes("\(theirs)_packed") == codes.bytes("\(ours)_blocks"))
      #expect(try ct.bytes("\(theirs)_scale") == codes.bytes("\(ours)_scales"))
      #expect(ct["\(theirs)_scale"]?.type == .f8e4m3)
      let outer = try codes.floats("\(ours)_outer_scale", shape: [1])[0]
      #expect(try ct.floats("\(theirs)_global_scale", shape: [1]) == [1 / outer])
      #expect(codes["\(ours)_blocks"]?.shape.last == 8 && outer > 0 && outer < 1)

      let expected = try score(run)
      #expect(try score("\(folder)/packed") == expected)
      #expect(try score("\(folder)/ct") == expected)
      try Exports.export("\(folder)/ct", "\(folder)/again", "compressed-tensors")
      let again = try SafetensorsFile(path: "\(folder)/again/model.safetensors")
      for entry in ct.entries {
        #expect(try ct.bytes(entry.name) == again.bytes(entry.name), "\(entry.name)")
      }

      // Nothing is left to quantize.
      let copied = try tetrajet("quantize", "\(folder)/ct", "\(folder)/copy")
      #expect(
        copied.status == 0 && copied.errors.contains("is quantized already"), "\(copied)")
      #expect(try score("\(folder)/copy") == expected)

      for file in ["packed", "ct"] {
        let found = try json(["verify", "\(folder)/\(file)", "--against", run])
        #expect(found["format"] as? String == "nvfp4" && found["sound"] as? Bool == true)
        let source = try #require(found["source"] as? [String: Any])
        let rules = try #require(source["groups_by_scale_rule"] as? [String: Int])
        #expect(rules[rule] == source["groups"] as? Int && rules.count == 2)
        #expect(source["no_neighbours"] as? Int == 0)
      }
      let equal = try json(["verify", "\(folder)/ct", "--against", "\(folder)/packed"])
      let decoded = try #require(equal["decoded"] as? [String: Any])
      #expect(decoded["differing_values"] as? Int == 0 && decoded["groups"] as? Int ?? 0 > 1000)
    }
  }

  @Test("a code's value is its element times its group's scale times the matrix's")
  func values() throws {
    try Exports.withRun("nvidia-nvfp4") { folder, run, codes in
      #expect(try tetrajet("quantize", run, "\(folder)/values", "--values").status == 0)
      let file = try SafetensorsFile(path: "\(folder)/values")
      let name = "blocks.2.mlp.fc2.weight"
      let blocks = try codes.bytes("\(name)_blocks"), scales = try codes.bytes("\(name)_scales")
      let outer = try codes.floats("\(name)_outer_scale")[0]
      let elements: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
      let expected = blocks.indices.flatMap { byte -> [Float] in
        let scale = scales[byte / 8], steps = Float(scale & 7)
        let number =
          scale < 8 ? steps / 512 : (1 + steps / 8) * exp2(Float(scale >> 3) - 7)
        return [blocks[byte] & 15, blocks[byte] >> 4].map { code in
          let value = elements[Int(code & 7)] * (number * outer)
          return code & 8 == 0 ? value : -value
        }
      }
      #expect(try file.floats("\(name).values") == expected)
      #expect(try file.floats("\(name).outer_scale") == [outer])
    }
  }

  @Test("what files of NVFP4 cannot have, or lack, is said in one line")
  func refusals() throws {
    try Exports.withRun("nvidia-nvfp4") { folder, run, codes in
      func refused(_ words: String, _ arguments: String...) throws {
        let result = try tetrajet(arguments)
        #expect(result.status == 65 && result.errors.contains(words), "\(result)")
        #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
        #expect(!FileManager.default.fileExists(atPath: "\(folder)/x"))
      }
      try refused("nvfp4, which gguf has not", "export", run, "\(folder)/x", "--layout", "gguf")
      try refused(
        "goes with mxfp4 only", "export", run, "\(folder)/x", "--layout", "compressed-tensors",
        "--activations", "mxfp4")
      try refused("nvfp4 has no floor scales", "quantize", run, "\(folder)/x", "--scale", "floor")

      // A file whose tensors or notes others have changed.
      let name = "blocks.2.mlp.fc2.weight_outer_scale"
      func write(
        _ path: String, without: String = "", outer: Float? = nil, rule: String = "even"
      ) throws {
        try writeSafetensors(
          path,
          tensors: codes.entries.filter { $0.name != without }.map { entry in
            if let outer, entry.name == name { return .floats(name, shape: [1], [outer]) }
            return .copy(entry, of: codes)
          },
          metadata: codes.metadata.filter { $0.key != "tetrajet.sha256" }
            .merging(["scale_rule": rule]) { $1 })
      }
      try write("\(folder)/missing", without: name)
      try refused("has no tensor '\(name)'", "eval", "\(folder)/missing")
      try refused("has no outer scale", "verify", "\(folder)/missing")
      for (outer, word) in [(Float.nan, "nan"), (0, "0.0"), (-2, "-2.0")] {
        try write("\(folder)/value", outer: outer)
        try refused("'\(name)' is \(word); expected a positive", "eval", "\(folder)/value")
        try refused("'\(name)' is \(word); expected a positive", "verify", "\(folder)/value")
      }
      try write("\(folder)/rule", rule: "floor")
      try refused("one of truncation-free, even in nvfp4", "eval", "\(folder)/rule")
      try write("\(folder)/double", outer: 0.5)
      try refused("differ", "verify", "\(folder)/double", "--against", "\(folder)/packed")
    }
  }

  @Test("a file of others, without notes, is known by its tensors")
  func foreign() throws {
    try Exports.withRun("nvidia-nvfp4") { folder, run, _ in
      try Exports.export(run, "\(folder)/ct", "compressed-tensors")
      let path = "\(folder)/ct/model.safetensors"
      let ours = try SafetensorsFile(path: path)
      let tensors = try ours.entries.map { entry in
        OutgoingTensor.bytes(
          entry.name, entry.type, shape: entry.shape, try ours.bytes(entry.name))
      }
      try writeSafetensors(path, tensors: tensors, metadata: ["format": "pt"])
      let found = try json(["verify", "\(folder)/ct"])
      #expect(found["format"] as? String == "nvfp4" && found["stated_scale_rule"] == nil)
      let blocks = try #require(found["blocks"] as? [String: Any])
      #expect(blocks["groups"] as? Int == 9216 && blocks["nan_scales"] as? Int == 0)
      let started = try tetrajet(
        "train", "--init", "\(folder)/ct", "--epochs", "1", "--output", "\(folder)/next")
      #expect(started.status == 0, "\(started.errors)")
    }
  }
}
