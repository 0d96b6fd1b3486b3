import Files
import Foundation
import MXCompute
import MXRuntime
import TestSupport
import Testing
import Training
import VisionModels

@Suite("The command's engines", .serialized)
struct EngineCommandTests {
  /// A short training on the digits.
  static let training = [
    "train", "--data", "digits", "--epochs", "2", "--set", "model.depth=2", "--set",
    "training.batch_size=100",
  ]

  /// Without a fused instruction, attention may round otherwise.
  static let fusedSets = CPU.names.filter { $0 != "portable" }

  @Test(
    "a run's weights are the same bytes on every instruction set that multiplies and adds at once",
    .enabled(if: fusedSets.count > 1, "this processor has one such instruction set"))
  func instructionSets() throws {
    try withTemporaryFolder { folder in
      var weights: [Data] = []
      for name in Self.fusedSets {
        let run = "\(folder)/\(name)"
        let result = try tetrajet(
          Self.training + ["--output", run], environment: ["TETRAJET_ISA": name])
        #expect(result.status == 0, "\(result.errors)")
        let summary = try RunSummary(path: "\(run)/summary.json")
        #expect(summary.isa == name && summary.engine == "packed" && summary.steps > 10)
        weights.append(Data(try readFile("\(run)/last.safetensors")))
      }
      for (name, bytes) in zip(Self.fusedSets, weights) { #expect(bytes == weights[0], "\(name)") }
    }
  }

  @Test(
    "a run names its engine, and its checkpoint is scored by the same one",
    arguments: [
      ("tetrajet", "packed", "packed"), ("tetrajet", "simulated", "simulated"),
      ("microscaling", "packed", "packed"), ("fp32", "packed", "simulated"),
    ])
  func summary(method: String, asked: String, used: String) throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      let result = try tetrajet(
        Self.training + ["--method", method, "--engine", asked, "--output", run])
      #expect(result.status == 0, "\(result.errors)")
      let summary = try RunSummary(path: "\(run)/summary.json")
      #expect(summary.engine == used)
      #expect(try Checkpoint(path: run).model.engine.rawValue == asked)
      let eval = try tetrajet("eval", run, "--json")
      let scored = try JSONSerialization.jsonObject(with: Data(eval.output.utf8)) as! [String: Any]
      // The same sum; the last digit is lost where Foundation reads decimal numbers.
      #expect(abs(scored["eval_loss"] as! Double - summary.evalLoss) < 1e-12)
    }
  }

  @Test("a run with a product that is not quantized on both sides has a mixed engine")
  func mixed() throws {
    try withTemporaryFolder { folder in
      let result = try tetrajet(
        Self.training + ["--output", "\(folder)/run", "--set", "quantizers.q3.enabled=false"])
      #expect(result.status == 0, "\(result.errors)")
      #expect(try RunSummary(path: "\(folder)/run/summary.json").engine == "mixed")
    }
  }

  @Test(
    "trace gives the same logits, loss and gradients by both engines, to single precision",
    arguments: [
      ["--method", "tetrajet"], ["--method", "tetrajet", "--backward-rounding", "nearest-even"],
      ["--method", "microscaling"],
    ])
  func trace(method: [String]) throws {
    // One block: a rounding that goes the other way because of the last bit of its input would show.
    // Width 64: two groups a lane.
    let configuration = ModelConfiguration(
      imageSize: 12, patchSize: 4, channels: 1, width: 64, depth: 1, heads: 2, classes: 5)
    let model = try VisionModel(configuration, recipe: .fp32)
    var random = TestRandom(seed: 120)
    let weights = AlignedBuffer<Float>(count: model.parameters.count)
    model.initialize(weights, seed: 1, by: cpu)
    for index in 0..<weights.count { weights.base[index] += 0.1 * random.normal() }
    // Sums of 4-bit products are mostly exact in single precision. Groups of very different scales make them
    // round.
    for entry in model.parameters.entries where entry.name.contains("norm") {
      for index in 32..<64 { weights.base[entry.offset + index] *= 0x1p-16 }
    }
    try withTemporaryFolder { folder in
      try writeSafetensors(
        "\(folder)/in",
        tensors: model.parameters.tensors(of: weights, prefix: "model.") + [
          .floats("images", shape: [3, 1, 12, 12], random.normals(3 * 144)),
          .integers("labels", shape: [3], [0, 3, 4]),
        ], metadata: configuration.metadata)
      for engine in ["packed", "simulated"] {
        let result = try tetrajet(
          ["trace", "\(folder)/in", "\(folder)/\(engine)", "--engine", engine] + method)
        #expect(result.status == 0, "\(result.errors)")
      }
      let packed = try SafetensorsFile(path: "\(folder)/packed")
      let simulated = try SafetensorsFile(path: "\(folder)/simulated")
      #expect(packed.entries.map(\.name) == simulated.entries.map(\.name))
      #expect(packed.entries.count == model.parameters.entries.count + 2)
      for entry in packed.entries {
        let error = relativeError(
          try packed.floats(entry.name), try simulated.floats(entry.name))
        #expect(error <= 1e-5, "\(entry.name): \(error)")
      }
      // Two engines, not one under two names: the three products of a block's four layers, and of the head, which
      // is not quantized. Three outputs are not kept but computed again where their codes are there. (The bits need
      // not differ: short sums are exact in either.)
      let again = method[1] == "tetrajet" ? 3 : 0
      #expect(packed.metadata["products_packed"] == "\(12 + again)")
      #expect(packed.metadata["products_simulated"] == "3")
      #expect(simulated.metadata["products_packed"] == "0")
      #expect(simulated.metadata["products_simulated"] == "15")
    }
  }
}
