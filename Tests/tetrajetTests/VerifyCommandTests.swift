import Files
import Foundation
import MXFormats
import TestSupport
import Testing

@Suite("verify tells what a file in MXFP4 is, and what is wrong with it", .serialized)
struct VerifyCommandTests {
  /// A report as JSON, and how the command ended.
  private struct Report {
    let result: CommandResult
    let line: [String: Any]

    subscript(_ keys: String...) -> Any? {
      keys.reduce(line as Any?) { ($0 as? [String: Any])?[$1] }
    }
    func count(_ keys: String...) -> Int {
      keys.reduce(line as Any?) { ($0 as? [String: Any])?[$1] } as? Int ?? -1
    }
    /// Rules that no group contradicts, by rounding to the nearest, and that no code is missing of.
    var likelyRules: [String] {
      (line["scale_rules"] as? [[String: Any]] ?? []).filter {
        $0["contradicting_groups_nearest"] as? Int == 0 && $0["missing_largest_code"] == nil
      }.compactMap { $0["scale_rule"] as? String }
    }
  }

  private func verify(
    _ path: String, against: String? = nil, status: Int32 = 0, _ words: String = "",
    at location: SourceLocation = #_sourceLocation
  ) throws -> Report {
    let arguments = ["verify", path] + (against.map { ["--against", $0] } ?? [])
    let result = try tetrajet(arguments + ["--json"])
    #expect(result.status == status, "\(result.errors)", sourceLocation: location)
    #expect(
      words.isEmpty || result.errors.contains(words), "\(result.errors)", sourceLocation: location)
    #expect(
      result.errors.split(separator: "\n").count == (status == 0 ? 0 : 1),
      sourceLocation: location)
    let line = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as! [String: Any]
    // What people read is the same, in 80 columns.
    let text = try tetrajet(arguments)
    #expect(
      text.status == status && text.errors == result.errors, "\(text)", sourceLocation: location)
    for line in text.output.split(separator: "\n") where !line.contains("/") {
      #expect(line.count <= 80, "\(line)", sourceLocation: location)
    }
    #expect(text.output.contains("Sound") == (status == 0), sourceLocation: location)
    return Report(result: result, line: line)
  }

  @Test(
    "exports of every layout are called by their names, and are what training and quantize made",
    arguments: ["tetrajet+qema", "tetrajet", "microscaling"])
  func exports(method: String) throws {
    try withTemporaryFolder { folder in
      let (run, packed) = ("\(folder)/run", "\(folder)/packed")
      let trained = try tetrajet(
        ["train", "--epochs", "2", "--output", run, "--method", method])
      try #require(trained.status == 0, "\(trained.errors)")
      #expect(try tetrajet("quantize", run, packed).status == 0)
      let (rule, rounding) =
        method == "microscaling"
        ? ("floor", "nearest-even")
        : ("truncation-free", method == "tetrajet" ? "nearest-even" : "ema")
      for layout in ["hf", "compressed-tensors", "mlx", "gguf", "onnx", "quantize"] {
        let file = layout == "quantize" ? packed : "\(folder)/\(layout)"
        if layout != "quantize" {
          #expect(try tetrajet("export", run, file, "--layout", layout).status == 0)
        }
        let alone = try verify(file)
        #expect(alone["layouts"] as? [String] == [layout])
        #expect(alone["method"] as? String == method && alone["format"] as? String == "e2m1")
        #expect(alone.likelyRules.contains(rule) || method == "tetrajet+qema")

        // Queries, keys and values are parts of one tensor in the run, whatever they are here.
        let against = try verify(file, against: run)
        let groups = alone.count("blocks", "groups")
        #expect(groups == 4608 && against.count("source", "groups") == groups)
        #expect(against.count("source", "groups_by_scale_rule", rule) == groups)
        #expect(against.count("source", "groups_by_rounding", rounding) == groups)
        #expect(against.count("source", "no_neighbours") == 0)
        let farther = against.count("source", "farther_neighbours")
        #expect(method == "tetrajet+qema" ? farther > 100 : farther == 0, "\(farther)")

        let equal = try verify(file, against: packed)
        #expect(equal.count("decoded", "groups") == groups)
        #expect(equal.count("decoded", "differing_values") == 0)
      }
      for options in [["--scales", "f32"], ["--codes", "table"], ["--rest", "bf16"]] {
        let file = "\(folder)/\(options[1]).onnx"
        #expect(try tetrajet(["export", run, file, "--layout", "onnx"] + options).status == 0)
        let equal = try verify(file, against: packed)
        #expect(equal["layouts"] as? [String] == ["onnx"])
        #expect(equal.count("decoded", "groups") == 4608)
        #expect(equal.count("decoded", "differing_values") == 0)
      }
      // The other way round, and from one export to another one.
      for (file, other) in [("hf", "gguf"), ("gguf", "hf"), ("mlx", "compressed-tensors")] {
        let equal = try verify("\(folder)/\(file)", against: "\(folder)/\(other)")
        #expect(equal.count("decoded", "differing_values") == 0, "\(file), \(other)")
      }
    }
  }

  @Test("a file whose bytes have changed since it was written is said to be that")
  func checksum() throws {
    try withTemporaryFolder { folder in
      let (run, file) = ("\(folder)/run", "\(folder)/model.gguf")
      #expect(try tetrajet("train", "--epochs", "1", "--output", run).status == 0)
      #expect(try tetrajet("export", run, file, "--layout", "gguf").status == 0)
      var bytes = try readFile(file)
      bytes[bytes.count - 100] ^= 1
      try Data(bytes).write(to: URL(fileURLWithPath: file))
      let report = try verify(file, status: 65, "model.gguf: GGUF, but damaged: its bytes")
      #expect(report["sound"] as? Bool == false)
    }
  }

  // MARK: Files of others

  /// Numbers of experts as GPT-OSS has them, [2, 48, 96]: normal ones of a spread that differs from row to row.
  private let shape = [2, 48, 96]
  private var numbers: [Float] {
    var random = TestRandom(seed: 7)
    return (0..<96).flatMap { row in
      random.normals(96).map { $0 * exp2(Float(row % 24) / 5) * 0.01 }
    }
  }

  /// What a quantizer makes of the numbers.
  private func quantized(
    _ rule: ScaleRule, _ rounding: Rounding = .nearestEven
  ) -> PackedMatrix {
    var random = TestRandom(seed: 8)
    let bits = (0..<96 * 96).map { _ in UInt16(truncatingIfNeeded: random.bits()) }
    return PackedMatrix(
      packing: Quantizer(scaleRule: rule, rounding: rounding).quantize(
        numbers, rows: 96, columns: 96, randomBits: { bits[$0 * 96 + $1] }))
  }

  /// A file as others write it, without notes, and beside it the numbers in single precision.
  private func write(
    _ folder: String, blocks: [UInt8], scales: [UInt8], scaleShape: [Int] = [2, 48, 3]
  ) throws -> (file: String, source: String) {
    let name = "model.layers.0.mlp.experts.gate_up_proj"
    try writeSafetensors(
      "\(folder)/file.safetensors",
      tensors: [
        .bytes("\(name)_blocks", shape: [2, 48, 3, 16], blocks),
        .bytes("\(name)_scales", shape: scaleShape, scales),
        .floats("\(name)_bias", shape: [2, 48], [Float](repeating: 0, count: 96)),
      ])
    try writeSafetensors(
      "\(folder)/source.safetensors", tensors: [.floats(name, shape: shape, numbers)])
    return ("\(folder)/file.safetensors", "\(folder)/source.safetensors")
  }

  @Test(
    "each scale rule is recognised, from the blocks as one that is possible, from the source for sure",
    arguments: ScaleRule.allCases)
  func rules(rule: ScaleRule) throws {
    try withTemporaryFolder { folder in
      for rounding in [Rounding.nearestEven, .nearestAway, .stochastic] {
        let matrix = quantized(rule, rounding)
        let (file, source) = try write(folder, blocks: matrix.blocks, scales: matrix.scales)
        let alone = try verify(file)
        #expect(alone["layouts"] as? [String] == ["hf"] && alone["method"] == nil)
        #expect(alone.count("blocks", "groups") == 288 && alone.count("other_tensors") == 1)
        if rounding != .stochastic {
          #expect(alone.likelyRules.contains(rule.rawValue), "\(alone.likelyRules)")
          // What the largest codes can tell apart they do.
          let others: [String] =
            switch rule {
            case .truncationFree, .ceil: [rule.rawValue]
            case .even, .uos, .floor: ["even", "uos", "floor"]
            }
          #expect(alone.likelyRules == ScaleRule.allCases.map(\.rawValue).filter(others.contains))
        }
        let against = try verify(file, against: source)
        for other in ScaleRule.allCases {
          let count = against.count("source", "groups_by_scale_rule", other.rawValue)
          #expect(other == rule ? count == 288 : count < 288, "\(other): \(count)")
        }
        let found =
          (against["source", "groups_by_rounding"] as? [String: Int] ?? [:]).filter {
            $0.value == 288
          }.map(\.key)
        #expect(
          Set(found)
            == (rounding == .stochastic ? ["either"] : ["nearest-even", "nearest-away", "either"]))
        #expect(
          (against.count("source", "farther_neighbours") > 500) == (rounding == .stochastic))
      }
    }
  }

  @Test("one code, one scale or one exponent that is not what it should be is found and named")
  func tampered() throws {
    try withTemporaryFolder { folder in
      let whole = quantized(.truncationFree)
      let name = "gate_up_proj'"
      let other = "\(folder)/other.safetensors"
      let written = try write(folder, blocks: whole.blocks, scales: whole.scales)
      try FileManager.default.copyItem(atPath: written.file, toPath: other)
      func check(
        _ source: String, _ decoded: String, _ change: (inout [UInt8], inout [UInt8]) -> Void
      )
        throws
      {
        var (blocks, scales) = (whole.blocks, whole.scales)
        change(&blocks, &scales)
        let (file, numbers) = try write(folder, blocks: blocks, scales: scales)
        let report = try verify(file, against: numbers, status: source.isEmpty ? 0 : 65, source)
        if !source.isEmpty { #expect(report.result.errors.contains(name)) }
        let beside = try verify(file, against: other, status: decoded.isEmpty ? 0 : 65, decoded)
        if !decoded.isEmpty { #expect(beside.result.errors.contains(name)) }
      }
      try check("", "") { _, _ in }
      // The low nibble of a byte: another sign, then the neighbour.
      let place = whole.blocks.firstIndex { $0 & 7 == 4 }!
      try check("1 code of 9216 stands for no neighbour", "1 value in 1 group of 288 differs") {
        blocks, _ in blocks[place] ^= 8
      }
      let isUp =
        numbers[2 * place].magnitude
        > 2 * E8M0(byte: whole.scales[place / 16]).value
      try check("1 code of 9216 is the farther neighbour", "1 value in 1 group of 288 differs") {
        blocks, _ in blocks[place] = isUp ? blocks[place] + 1 : blocks[place] - 1
      }
      try check("truncation-free gives 287 of 288", "in 1 group of 288 differ") { _, scales in
        scales[100] += 1
      }
      // Half the codes under twice the scale are the same values; the rule is broken.
      let magnitudes = ElementFormat.e2m1.magnitudes
      let group = (0..<288).first { group in
        whole.blocks[16 * group..<16 * group + 16].allSatisfy {
          [$0 & 7, $0 >> 4 & 7].allSatisfy { $0 <= 5 }
        }
      }!
      try check("truncation-free gives 287 of 288", "") { blocks, scales in
        for index in 16 * group..<16 * group + 16 {
          func doubled(_ code: UInt8) -> UInt8 {
            code & 8 | UInt8(magnitudes.firstIndex(of: 2 * magnitudes[Int(code & 7)])!)
          }
          blocks[index] = doubled(blocks[index] & 15) | doubled(blocks[index] >> 4) << 4
        }
        scales[group] -= 1
      }
      try check("1 scale byte of 288 is NaN (255), first in 'model", "is NaN") { _, scales in
        scales[5] = 255
      }
    }
  }

  @Test("what is not canonical is counted, and is no fault")
  func canonical() throws {
    try withTemporaryFolder { folder in
      var (blocks, scales) = (
        [UInt8](repeating: 0x77, count: 288 * 16), [UInt8](repeating: 120, count: 288)
      )
      blocks.replaceSubrange(0..<16, with: [UInt8](repeating: 0, count: 16))
      blocks.replaceSubrange(16..<32, with: [UInt8](repeating: 0x88, count: 16))
      scales[1] = 0
      blocks.replaceSubrange(32..<48, with: [UInt8](repeating: 0x53, count: 16))
      scales[3] = 0
      let report = try verify(try write(folder, blocks: blocks, scales: scales).file)
      #expect(report.count("blocks", "zero_groups") == 2)
      #expect(report.count("blocks", "scaled_zero_groups") == 1)
      #expect(report.count("blocks", "smallest_scales") == 1)
      #expect(report.count("blocks", "halvable_groups") == 1)
      #expect(report.count("blocks", "minus_zeros") == 32)
      let text = try tetrajet("verify", "\(folder)/file.safetensors").output
      #expect(text.contains("1 group with zeros only, under a scale whose byte is not 0"))
      #expect(text.contains("32 codes that stand for -0"))
    }
  }

  @Test("a model in several files is one; codes and scales may lie apart")
  func shards() throws {
    try withTemporaryFolder { folder in
      let matrix = quantized(.even)
      let name = "experts.down_proj"
      let model = "\(folder)/model"
      try FileManager.default.createDirectory(atPath: model, withIntermediateDirectories: false)
      try writeSafetensors(
        "\(model)/model-00001-of-00002.safetensors",
        tensors: [.bytes("\(name)_blocks", shape: [2, 48, 3, 16], matrix.blocks)])
      let second = "\(model)/model-00002-of-00002.safetensors"
      try writeSafetensors(
        second, tensors: [.bytes("\(name)_scales", shape: [2, 48, 3], matrix.scales)])
      let report = try verify(model)
      #expect((report["files"] as? [String])?.count == 2 && report.count("blocks", "groups") == 288)
      try FileManager.default.removeItem(atPath: second)
      let lone = try tetrajet("verify", model)
      #expect(
        lone.status == 65 && lone.errors.contains("has no scales: 'experts.down_proj_scales'"))
    }
  }

  @Test("what cannot be looked at is one line")
  func refusals() throws {
    try withTemporaryFolder { folder in
      func refused(_ status: Int32, _ words: String, _ arguments: String...) throws {
        let result = try tetrajet(["verify"] + arguments)
        #expect(result.status == status && result.errors.contains(words), "\(result)")
        #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
      }
      let matrix = quantized(.floor)
      let (file, source) = try write(folder, blocks: matrix.blocks, scales: matrix.scales)
      try refused(65, "has no 4-bit tensors", source)
      try refused(74, "no/such", "\(folder)/no/such")
      try refused(74, "no/such", file, "--against", "\(folder)/no/such")
      try refused(64, "--agianst", file, "--agianst", source)
      let stranger = "\(folder)/stranger.safetensors"
      try writeSafetensors(stranger, tensors: [.floats("x", shape: [2, 48, 96], numbers)])
      try refused(65, "1 tensor of 1 not found in", file, "--against", stranger)
      try writeSafetensors(
        stranger,
        tensors: [.floats("model.layers.0.mlp.experts.gate_up_proj", shape: [96, 96], numbers)])
      #expect(try tetrajet("verify", file, "--against", stranger).status == 0)
      _ = try write(
        folder, blocks: matrix.blocks, scales: matrix.scales, scaleShape: [96, 3])
      try refused(65, "has blocks for the scales [2, 48, 3], and", file)
      let cut = "\(folder)/cut.safetensors"
      try Data(try readFile(file).prefix(2000)).write(to: URL(fileURLWithPath: cut))
      try refused(65, "damaged or truncated", cut)
      let graph = "\(folder)/cut.onnx"
      try Data([8, 13, 0x12, 2, 65, 65, 0x3A, 100, 1]).write(to: URL(fileURLWithPath: graph))
      try refused(65, "not an ONNX file, or a damaged", graph)
      try writeSafetensors(
        stranger,
        tensors: [
          .bytes("m.weight_packed", shape: [2, 16], [UInt8](repeating: 0, count: 32)),
          .floats("m.weight_scale", shape: [2, 1], [1, 1]),
        ])
      try refused(65, "'m.weight_packed' is not MXFP4: its scales are F32", stranger)
      try writeSafetensors(
        stranger,
        tensors: [
          .bytes("m.weight_packed", shape: [2, 20], [UInt8](repeating: 0, count: 40)),
          .bytes("m.weight_scale", shape: [2, 2], [1, 1, 1, 1]),
        ])
      try refused(65, "in whole groups of 32", stranger)
    }
  }
}
