import Files
import Foundation
import MXCompute
import TestSupport
import Testing
import Training

@Suite("The command trains with attention in bfloat16", .serialized)
struct AttentionCommandTests {
  private static func training(_ attention: String) -> [String] {
    EngineCommandTests.training + ["--set", "model.attention=\(attention)"]
  }

  @Test(
    "to the same bytes on one thread and on two, on every instruction set that multiplies and adds at once"
  )
  func sameBytes() throws {
    try withTemporaryFolder { folder in
      var weights: [Data] = []
      for (number, name) in EngineCommandTests.fusedSets.enumerated() {
        for threads in number == 0 ? [1, 2] : [2] {
          let run = "\(folder)/\(name)-\(threads)"
          let result = try tetrajet(
            Self.training("bf16") + ["--threads", "\(threads)", "--output", run],
            environment: ["TETRAJET_ISA": name])
          #expect(result.status == 0, "\(result.errors)")
          #expect(try RunSummary(path: "\(run)/summary.json").isa == name)
          weights.append(Data(try readFile("\(run)/last.safetensors")))
        }
      }
      #expect(weights.allSatisfy { $0 == weights[0] })
    }
  }

  @Test("and evaluates, quantizes and exports by it")
  func everywhere() throws {
    try withTemporaryFolder { folder in
      let (wide, run) = ("\(folder)/fp32", "\(folder)/bf16")
      for (attention, output) in [("fp32", wide), ("bf16", run)] {
        let result = try tetrajet(Self.training(attention) + ["--output", output])
        #expect(result.status == 0, "\(result.errors)")
      }
      let summary = try RunSummary(path: "\(run)/summary.json")
      #expect(try RunSummary(path: "\(wide)/summary.json").weightsSHA256 != summary.weightsSHA256)

      let file = try SafetensorsFile(path: "\(run)/last.safetensors")
      #expect(file.metadata["attention"] == "bf16")
      #expect(try Checkpoint(path: run).recipe.model.attention == .bf16)
      let scored = try jsonObject(tetrajet("eval", run, "--json"))
      // The same sum; the last digit is lost where Foundation reads decimal numbers.
      #expect(abs(scored["eval_loss"] as! Double - summary.evalLoss) < 1e-12)
      // The same weights by attention in single precision are another model.
      let other = "\(folder)/other.safetensors"
      try rewrite(file, to: other) { $0["attention"] = "fp32" }
      let otherwise = try jsonObject(tetrajet("eval", other, "--data", "digits", "--json"))
      #expect(otherwise["eval_loss"] as! Double != scored["eval_loss"] as! Double)

      let exported = try tetrajet("export", run, "\(folder)/hf", "--layout", "hf")
      #expect(exported.status == 0, "\(exported.errors)")
      #expect(try Checkpoint(path: "\(folder)/hf").recipe.model.attention == .bf16)
      let quantized = try tetrajet("quantize", run, "\(folder)/packed")
      #expect(quantized.status == 0, "\(quantized.errors)")
      #expect(try Checkpoint(path: "\(folder)/packed").recipe.model.attention == .bf16)
    }
  }

  @Test("and a checkpoint that does not say is one of single precision")
  func unsaid() throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      let result = try tetrajet(
        "train", "--data", "digits", "--epochs", "1", "--set", "model.depth=1", "--output", run)
      #expect(result.status == 0, "\(result.errors)")
      let file = try SafetensorsFile(path: "\(run)/last.safetensors")
      try rewrite(file, to: "\(folder)/older") { metadata in
        metadata["attention"] = nil
        metadata["recipe"] = metadata["recipe"]?.split(separator: "\n").filter {
          !$0.contains("attention")
        }.joined(separator: "\n")
      }
      #expect(try Checkpoint(path: "\(folder)/older").recipe.model.attention == .fp32)
      try rewrite(file, to: "\(folder)/broken") { $0["attention"] = "fp8" }
      let refused = try tetrajet("eval", "\(folder)/broken", "--data", "digits")
      #expect(refused.status == 65)
      #expect(refused.errors.split(separator: "\n").count == 1, "\(refused.errors)")
      for word in ["broken", "attention", "fp8", "one of fp32, bf16"] {
        #expect(refused.errors.contains(word), "\(refused.errors)")
      }
    }
  }

  @Test("and refuses a precision that it does not have")
  func unknown() throws {
    let result = try tetrajet("train", "--set", "model.attention=fp16", "--print-recipe")
    #expect(result.status == 64 && result.output.isEmpty)
    for word in ["model.attention", "fp16", "one of fp32, bf16"] {
      #expect(result.errors.contains(word), "\(result.errors)")
    }
  }

  private func jsonObject(_ result: CommandResult) throws -> [String: Any] {
    #expect(result.status == 0, "\(result.errors)")
    return try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as! [String: Any]
  }

  /// The same tensors with other metadata.
  private func rewrite(
    _ file: SafetensorsFile, to path: String, _ change: (inout [String: String]) -> Void
  ) throws {
    var metadata = file.metadata
    change(&metadata)
    metadata[SafetensorsFile.checksumKey] = nil
    try writeSafetensors(
      path,
      tensors: file.entries.map { .floats($0.name, shape: $0.shape, try file.floats($0.name)) },
      metadata: metadata)
  }
}
