import Files
import Foundation
import TestSupport
import Testing

@Suite("Bad input gets one clear line and an exit status")
struct BadInputTests {
  /// Runs the command and expects one line on standard error with the given words.
  func expect(
    _ status: Int32, _ words: [String], _ arguments: [String], environment: [String: String] = [:]
  ) throws {
    let result = try tetrajet(arguments, environment: environment)
    #expect(result.status == status, "\(arguments): \(result.errors)")
    let lines = result.errors.split(separator: "\n")
    #expect(lines.count == 1 && result.errors.hasPrefix("tetrajet: "), "\(result.errors)")
    for word in words { #expect(result.errors.contains(word), "'\(word)' in: \(result.errors)") }
  }

  @Test("wrong flags and recipe keys")
  func usage() throws {
    try expect(64, ["--nonsense", "tetrajet train --help"], ["train", "--nonsense"])
    try expect(
      64,
      [
        "method", "tetrjet",
        "fp32, bf16, int4, int4-xi, nvidia-nvfp4, tetrajet-v2, microscaling, tetrajet",
      ],
      ["train", "--method", "tetrjet"])
    try expect(
      64, ["tetrajet+dampen+freeze", "one without dampen or freeze: freeze holds weights"],
      ["train", "--method", "tetrajet+freeze+dampen"])
    for command in [["trace", "in", "out"], ["bench", "step"]] {
      try expect(64, ["fp32 quantizes no weights"], command + ["--method", "fp32+qema"])
    }
    try expect(64, ["training.epochs", "'0'"], ["train", "--epochs", "0"])
    try expect(
      64, ["model.heads 7 does not divide model.width 64", "try 4 or 8"],
      ["train", "--set", "model.heads=7"])
    try expect(
      64, ["model.patch_size 3 does not divide model.image_size 8"],
      ["train", "--set", "model.patch_size=3"])
    try expect(
      64, ["optimizer.lerning_rate", "optimizer.learning_rate"],
      ["train", "--set", "optimizer.lerning_rate=1"])
    try expect(
      64, ["weights, gradients and moments", "model.width"],
      ["train", "--set", "model.width=65536", "--set", "model.depth=1024"])
    try expect(64, ["key.path=value"], ["train", "--set", "nothing"])
    try expect(64, ["--resume", "--output"], ["train", "--resume", "x", "--output", "y"])
    try expect(64, ["--allow-changes", "--resume"], ["train", "--allow-changes"])
    try expect(
      64, ["TETRAJET_ISA", "'mmx'", "portable"], ["train"], environment: ["TETRAJET_ISA": "mmx"])
    try expect(
      64, ["deit_giant", "deit_tiny_patch16_224"], ["bench", "step", "--model", "deit_giant"])
    for command in [
      ["train"], ["trace", "in", "out", "--method", "tetrajet"], ["bench", "gemm"],
      ["bench", "quantize"], ["bench", "step"],
    ] {
      try expect(64, ["engine", "'nonsense'"], command + ["--engine", "nonsense"])
    }
    try expect(64, ["--batch is 0"], ["bench", "step", "--batch", "0"])
    try expect(
      64, ["--format is e2m3, and fp32 has no quantizers"],
      ["bench", "step", "--method", "fp32", "--format", "e2m3"])
    try expect(64, ["--threads is 0"], ["train", "--threads", "0"])
    // The tests' build has no MPI.
    try expect(
      64, ["Open MPI's mpirun has started 3 processes", "make mpi"], ["train"],
      environment: ["OMPI_COMM_WORLD_SIZE": "3", "OMPI_COMM_WORLD_RANK": "0"])
  }

  @Test("files and folders that are not there or not right")
  func files() throws {
    try withTemporaryFolder { folder in
      let text = "\(folder)/text.safetensors"
      try Data("just a text, not a model".utf8).write(to: URL(fileURLWithPath: text))
      try expect(74, ["/none", "No such file"], ["train", "--data", "\(folder)/none"])
      try expect(74, ["none.yaml"], ["train", "\(folder)/none.yaml"])
      try expect(65, ["text.safetensors", "not a safetensors file"], ["eval", text])
      try expect(65, ["text.safetensors"], ["quantize", text, "\(folder)/out"])
      try expect(65, ["text.safetensors"], ["trace", text, "\(folder)/out", "--method", "fp32"])
      try expect(65, ["not the folder of a run"], ["train", "--resume", folder])
      for file in [text, "/dev/null"] {
        try expect(
          74, ["\(file)/run: Not a directory"],
          ["train", "--epochs", "1", "--output", "\(file)/run"])
      }
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/out"))

      let mixer = "\(folder)/mixer.safetensors"
      try writeSafetensors(
        mixer, tensors: [.floats("head.weight", shape: [1], [1])],
        metadata: ["architecture": "mixer"])
      try expect(65, ["architecture is 'mixer'", "known are 'vit', 'swin'"], ["eval", mixer])
      let swin = "\(folder)/swin.safetensors"
      try writeSafetensors(
        swin, tensors: [.floats("head.fc.weight", shape: [1], [1])],
        metadata: [
          "architecture": "swin", "img_size": "8", "patch_size": "2", "embed_dim": "8",
          "depths": "2 two",
        ])
      try expect(65, ["metadata 'depths' is '2 two'", "as in '2 2 6 2'"], ["eval", swin])

      // Sizes that a file only claims are not believed.
      let liar = "\(folder)/liar.safetensors"
      try writeSafetensors(
        liar, tensors: [.floats("cls_token", shape: [1], [1])],
        metadata: [
          "architecture": "vit", "img_size": "224", "patch_size": "16", "embed_dim": "65536",
          "depth": "1024", "num_heads": "64", "num_classes": "1000",
        ])
      try expect(65, ["metadata 'depth' is '1024'", "the file has 1 tensors"], ["eval", liar])
    }
  }

  @Test("data folders that are not right")
  func data() throws {
    try withTemporaryFolder { folder in
      let data = "\(folder)/data"
      for path in ["train/a", "train/b", "test/a", "test/b"] {
        try FileManager.default.createDirectory(
          atPath: "\(data)/\(path)", withIntermediateDirectories: true)
        try Data("a text that claims to be a picture".utf8)
          .write(to: URL(fileURLWithPath: "\(data)/\(path)/1.jpg"))
      }
      let train = ["train", "--data", data, "--epochs", "1", "--output"]
      let result = try tetrajet(
        "train", "--data", data, "--epochs", "1", "--output", "\(folder)/r1")
      #expect(
        result.status == 65 && result.errors.contains("images cannot be read"), "\(result.errors)")
      try FileManager.default.removeItem(atPath: "\(data)/train/b/1.jpg")
      try expect(65, ["train/b"], train + ["\(folder)/r2"])
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/r2"))
    }
  }

  @Test("an output folder that holds a run is never written over")
  func existingRun() throws {
    try withTemporaryFolder { folder in
      try Data().write(to: URL(fileURLWithPath: "\(folder)/last.safetensors"))
      try expect(64, ["already holds a run", "--resume"], ["train", "--output", folder])
    }
  }

  @Test("a data set with other classes than the checkpoint")
  func otherClasses() throws {
    try withTemporaryFolder { folder in
      let run = try tetrajet(
        "train", "--epochs", "1", "--output", "\(folder)/run", "--method", "fp32")
      #expect(run.status == 0)
      for path in ["train/a", "train/b", "test/a", "test/b"] {
        try FileManager.default.createDirectory(
          atPath: "\(folder)/data/\(path)", withIntermediateDirectories: true)
        try Data("x".utf8).write(to: URL(fileURLWithPath: "\(folder)/data/\(path)/1.png"))
      }
      try expect(
        65, ["has no class that the model knows", "'a', 'b'", "'0', '1'"],
        ["eval", "\(folder)/run", "--data", "\(folder)/data"])
    }
  }
}
