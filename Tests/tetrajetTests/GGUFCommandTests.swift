import Files
import Foundation
import TestSupport
import Testing

@Suite("GGUF files of others and damaged ones are read as far as they can be", .serialized)
struct GGUFCommandTests {
  /// A GGUF file that is put together by hand: keys of integers and texts, and tensors.
  private struct Builder {
    struct Tensor {
      var name: String, shape: [Int], type: UInt32, bytes: [UInt8]
      var offset: UInt64?
    }
    var magic = "GGUF"
    var version: UInt32 = 3
    var keys: [(String, UInt32, [UInt8])] = []
    var tensors: [Tensor] = []
    var claimedTensors: UInt64?

    static func text(_ text: String) -> [UInt8] {
      littleEndian(UInt64(text.utf8.count)) + Array(text.utf8)
    }

    func write(_ path: String) throws {
      var bytes = Array(magic.utf8) + littleEndian(version)
      bytes += littleEndian(claimedTensors ?? UInt64(tensors.count))
      bytes += littleEndian(UInt64(keys.count))
      for (key, type, value) in keys { bytes += Self.text(key) + littleEndian(type) + value }
      var data: [UInt8] = []
      for tensor in tensors {
        bytes += Self.text(tensor.name) + littleEndian(UInt32(tensor.shape.count))
        for extent in tensor.shape.reversed() { bytes += littleEndian(UInt64(extent)) }
        bytes += littleEndian(tensor.type) + littleEndian(tensor.offset ?? UInt64(data.count))
        data += tensor.bytes
        data += [UInt8](repeating: 0, count: (32 - data.count % 32) % 32)
      }
      bytes += [UInt8](repeating: 0, count: (32 - bytes.count % 32) % 32)
      try Data(bytes + data).write(to: URL(fileURLWithPath: path))
    }
  }

  private func single(_ values: [Float]) -> [UInt8] {
    values.flatMap { littleEndian($0.bitPattern) }
  }

  /// A ViT of one block of width 32 for images of 8 pixels, as somebody else might write it: no notes, the linear layers in
  /// MXFP4 of scale 2 and codes that count up.
  private var theirs: Builder {
    var file = Builder()
    file.keys = [
      ("general.architecture", 8, Builder.text("vit")),
      (
        "tokenizer.ggml.tokens", 9,
        littleEndian(UInt32(8)) + littleEndian(UInt64(2))
          + Builder.text("a") + Builder.text("é")
      ),
      (
        "tokenizer.ggml.scores", 9,
        littleEndian(UInt32(6)) + littleEndian(UInt64(2))
          + single([1, 2])
      ),
      ("vit.flag", 7, [1]),
    ]
    func add(_ name: String, _ shape: [Int]) {
      let count = shape.reduce(1, *)
      file.tensors.append(
        .init(name: name, shape: shape, type: 0, bytes: single((0..<count).map { Float($0) })))
    }
    func add(codes name: String, _ shape: [Int]) {
      var blocks: [UInt8] = []
      for group in 0..<shape[0] * shape[1] / 32 {
        blocks.append(128)
        for byte in 0..<16 { blocks.append(UInt8((byte + group) & 7) | 0x30) }
      }
      file.tensors.append(.init(name: name, shape: shape, type: 39, bytes: blocks))
    }
    add("cls_token", [1, 1, 32])
    add("pos_embed", [1, 5, 32])
    add("patch_embed.proj.weight", [32, 1, 4, 4])
    add("patch_embed.proj.bias", [32])
    for norm in ["blocks.0.norm1", "blocks.0.norm2", "norm"] {
      add("\(norm).weight", [32])
      add("\(norm).bias", [32])
    }
    for (layer, outputs, inputs) in [
      ("attn.qkv", 96, 32), ("attn.proj", 32, 32), ("mlp.fc1", 128, 32), ("mlp.fc2", 32, 128),
    ] {
      add(codes: "blocks.0.\(layer).weight", [outputs, inputs])
      add("blocks.0.\(layer).bias", [outputs])
    }
    return file
  }

  private let training = [
    "train", "--epochs", "1", "--set", "model.heads=1", "--set", "optimizer.learning_rate=0",
    "--set", "schedule.warmup_learning_rate=0", "--set", "schedule.final_learning_rate=0",
    "--set", "optimizer.weight_decay=0",
  ]

  @Test("a run starts from somebody else's file, whose names match")
  func others() throws {
    try withTemporaryFolder { folder in
      // A name that says nothing: the first bytes do.
      let path = "\(folder)/weights.bin2"
      try theirs.write(path)
      let result = try tetrajet(training + ["--init", path, "--output", "\(folder)/run"])
      #expect(result.status == 0, "\(result.errors)")
      let trained = try SafetensorsFile(path: "\(folder)/run/last.safetensors")
      let values = try trained.floats("blocks.0.mlp.fc2.weight", shape: [32, 128])
      let magnitudes: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
      // Scale byte 128 is 2; the low nibbles hold the first half of a group, the high ones code 3 (1.5).
      for group in 0..<128 {
        for element in 0..<32 {
          let expected = element < 16 ? 2 * magnitudes[(element + group) % 8] : 3
          #expect(values[32 * group + element] == expected, "group \(group), element \(element)")
        }
      }
      let eval = try tetrajet("eval", path)
      #expect(
        eval.status == 65 && eval.errors.contains("architecture is not named"), "\(eval)")
    }
  }

  @Test("what is damaged, of another kind or mixed up is one line, and leaves nothing")
  func damaged() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/model.gguf"
      func refused(_ words: String, _ change: (inout Builder) -> Void) throws {
        var file = theirs
        change(&file)
        try file.write(path)
        for arguments in [
          ["eval", path], training + ["--init", path, "--output", "\(folder)/run"],
        ] {
          let result = try tetrajet(arguments)
          // A debug build says that it is one.
          let lines = result.errors.split(separator: "\n").filter { $0.hasPrefix("tetrajet: ") }
          #expect(
            result.status == 65 && lines.count == 1 && result.errors.contains(words), "\(result)")
        }
        #expect(!FileManager.default.fileExists(atPath: "\(folder)/run/recipe.yaml"))
      }
      func index(_ name: String, _ file: Builder) -> Int {
        file.tensors.firstIndex { $0.name == name }!
      }
      let qkv = "blocks.0.attn.qkv.weight"
      try refused("GGUF, but of version 9") { $0.version = 9 }
      try refused("big-endian") { $0.version = UInt32(3).byteSwapped }
      try refused("claims 1000000000000 tensors") { $0.claimedTensors = 1_000_000_000_000 }
      try refused("names 'norm.bias' twice") {
        $0.tensors[index("norm.weight", $0)].name = "norm.bias"
      }
      try refused("names 'vit.flag' twice") { $0.keys.append(("vit.flag", 7, [1])) }
      try refused("a value of type 99") { $0.keys.append(("vit.x", 99, [1])) }
      try refused("general.alignment is 3") {
        $0.keys.append(("general.alignment", 4, littleEndian(UInt32(3))))
      }
      try refused("ends inside its header") {
        $0.keys.append(("vit.x", 8, littleEndian(UInt64.max)))
      }
      try refused("tensor '\(qkv)' claims") { $0.tensors[index(qkv, $0)].shape = [1 << 40, 32] }
      try refused("has the extents") { $0.tensors[index(qkv, $0)].shape = [0, 32] }
      try refused("has the extents") { $0.tensors[index(qkv, $0)].shape = [1 << 40, 1 << 40] }
      try refused("33 inputs, which make no whole groups of 32") {
        $0.tensors[index(qkv, $0)].shape = [96, 33]
      }
      try refused("begins at 7, which is no multiple of 32") {
        $0.tensors[index(qkv, $0)].offset = 7
      }
      try refused("overlap") { $0.tensors[index(qkv, $0)].offset = 0 }
      // Types that ggml has and ones that nobody has; the line names the tensor.
      for (type, name) in [(8, "Q8_0"), (12, "Q4_K"), (200, "an unknown type")]
        as [(UInt32, String)]
      {
        var file = theirs
        file.tensors[index(qkv, file)].type = type
        try file.write(path)
        let result = try tetrajet(training + ["--init", path, "--output", "\(folder)/run"])
        #expect(
          result.status == 65
            && result.errors.contains("'\(qkv)' is stored as \(name) (ggml's type \(type))"),
          "\(result)")
      }
      // Another shape under the right name.
      var file = theirs
      file.tensors.swapAt(index(qkv, file), index("blocks.0.mlp.fc1.weight", file))
      let (first, second) = (index(qkv, file), index("blocks.0.mlp.fc1.weight", file))
      (file.tensors[first].name, file.tensors[second].name) = (
        file.tensors[second].name, file.tensors[first].name
      )
      try file.write(path)
      let mixed = try tetrajet(training + ["--init", path, "--output", "\(folder)/run"])
      #expect(mixed.status == 65, "\(mixed)")
      #expect(mixed.errors.contains("[128, 32]"), "\(mixed.errors)")
    }
  }

  @Test("an export whose bytes have changed, or which is cut off anywhere, is refused")
  func changed() throws {
    try withTemporaryFolder { folder in
      let (run, path) = ("\(folder)/run", "\(folder)/model.gguf")
      #expect(try tetrajet("train", "--epochs", "1", "--output", run).status == 0)
      #expect(try tetrajet("export", run, path, "--layout", "gguf").status == 0)
      let whole = try readFile(path)
      func refused(_ bytes: [UInt8], _ words: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let result = try tetrajet("eval", path)
        #expect(
          result.status == 65 && result.errors.contains(words), "\(result)")
      }
      var bytes = whole
      bytes[bytes.count - 100] ^= 1
      try refused(bytes, "but damaged: its bytes have the SHA-256")
      for length in [3, 4, 7, 20, 300, whole.count / 8, whole.count / 2, whole.count - 40] {
        try refused(Array(whole.prefix(length)), "model.gguf: ")
      }
      // Under another name it is what it is.
      let renamed = "\(folder)/model.safetensors"
      try Data(whole).write(to: URL(fileURLWithPath: renamed))
      #expect(try tetrajet("eval", renamed).status == 0)
      let quantized = try tetrajet("quantize", renamed, "\(folder)/out")
      #expect(
        quantized.status == 65 && quantized.errors.contains("GGUF, llama.cpp's format"),
        "\(quantized)")
    }
  }
}
