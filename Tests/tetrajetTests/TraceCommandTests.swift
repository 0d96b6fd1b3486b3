import Files
import Foundation
import MXRuntime
import TestSupport
import Testing
import VisionModels

@Suite("trace lays single quantizers open, and how gradients scatter")
struct TraceCommandTests {
  private static let vit = ModelConfiguration(
    imageSize: 12, patchSize: 4, channels: 1, width: 64, depth: 2, heads: 2, classes: 5)
  private static let swin = ModelConfiguration.swin(
    imageSize: 32, patchSize: 4, width: 32, depths: [1, 2], heads: [1, 2], windowSize: 4,
    classes: 3)

  /// A folder with "in", a model of random weights and a batch of five images.
  private func withModel<Result>(
    _ configuration: ModelConfiguration = vit, _ body: (String) throws -> Result
  ) throws -> Result {
    let model = try VisionModel(configuration, recipe: .fp32, engine: .packed)
    var random = TestRandom(seed: 150)
    let weights = AlignedBuffer<Float>(count: model.parameters.count)
    for index in 0..<weights.count { weights.base[index] = 0.1 * random.normal() }
    for entry in model.parameters.entries where entry.name.contains("norm") {
      guard entry.name.hasSuffix("weight") else { continue }
      for index in entry.range { weights.base[index] += 1 }
    }
    let (side, channels) = (configuration.imageSize, configuration.channels)
    return try withTemporaryFolder { folder in
      try writeSafetensors(
        "\(folder)/in",
        tensors: model.parameters.tensors(of: weights, prefix: "model.") + [
          .floats(
            "images", shape: [5, channels, side, side], random.normals(5 * channels * side * side)),
          .integers("labels", shape: [5], [0, 1, 2, 0, 1]),
        ], metadata: configuration.metadata)
      return try body(folder)
    }
  }

  private func trace(_ folder: String, _ output: String, _ arguments: String...) throws {
    let result = try tetrajet(["trace", "\(folder)/in", "\(folder)/\(output)"] + arguments)
    try #require(result.status == 0 && result.output.isEmpty, "\(result)")
  }

  /// The objects that `--repeat --json` prints, by their tensors.
  private func comparisons(
    _ folder: String, _ arguments: String...
  ) throws -> [String: [String: Any]] {
    let result = try tetrajet(["trace", "\(folder)/in", "--json"] + arguments)
    try #require(result.status == 0, "\(result)")
    let objects = try result.output.split(separator: "\n").map {
      try JSONSerialization.jsonObject(with: Data($0.utf8)) as! [String: Any]
    }
    return Dictionary(uniqueKeysWithValues: objects.map { ($0["tensor"] as! String, $0) })
  }

  private let backwardOff = [3, 4, 5, 6].flatMap { ["--set", "quantizers.q\($0).enabled=false"] }

  @Test("--set turns one method into another, key by key")
  func methods() throws {
    try withModel { folder in
      try trace(folder, "fp32", "--method", "fp32")
      let off = [1, 2].flatMap { ["--set", "quantizers.q\($0).enabled=false"] } + backwardOff
      let result = try tetrajet(
        ["trace", "\(folder)/in", "\(folder)/off", "--method", "tetrajet"] + off)
      #expect(result.status == 0, "\(result)")
      #expect(try readFile("\(folder)/off") == readFile("\(folder)/fp32"))

      try trace(folder, "method", "--method", "tetrajet", "--engine", "simulated", "--seed", "7")
      try trace(
        folder, "set", "--set", "method=tetrajet", "--set", "engine=simulated", "--set", "seed=7")
      #expect(try readFile("\(folder)/method") == readFile("\(folder)/set"))

      let nearest = [3, 4, 5, 6].flatMap {
        ["--set", "quantizers.q\($0).rounding=nearest-away"]
      }
      try trace(folder, "flag", "--method", "tetrajet", "--backward-rounding", "nearest-away")
      let keys = try tetrajet(
        ["trace", "\(folder)/in", "\(folder)/keys", "--method", "tetrajet"] + nearest)
      #expect(keys.status == 0, "\(keys)")
      #expect(try readFile("\(folder)/flag") == readFile("\(folder)/keys"))
      #expect(try readFile("\(folder)/flag") != readFile("\(folder)/fp32"))

      try trace(folder, "epsilon", "--method", "fp32", "--set", "model.norm_epsilon=0.1")
      #expect(try readFile("\(folder)/epsilon") != readFile("\(folder)/fp32"))
    }
  }

  @Test("without the backward quantizers gradients are those that --repeat calls exact")
  func exact() throws {
    try withModel { folder in
      let result = try tetrajet(
        ["trace", "\(folder)/in", "\(folder)/exact", "--method", "tetrajet"] + backwardOff)
      #expect(result.status == 0, "\(result)")
      for setting in ["quantizers.q4.reads_quantized=false", "quantizers.q6.enabled=false"] {
        let repeated = try tetrajet(
          "trace", "\(folder)/in", "\(folder)/\(setting)", "--method", "tetrajet", "--repeat", "2",
          "--set", setting)
        #expect(repeated.status == 0, "\(repeated)")
        let exact = try SafetensorsFile(path: "\(folder)/exact")
        let file = try SafetensorsFile(path: "\(folder)/\(setting)")
        #expect(try file.floats("logits") == exact.floats("logits"))
        for name in exact.entries.map(\.name) where name.hasPrefix("grad.") {
          let same =
            try file.floats("exact." + name.dropFirst("grad.".count)) == exact.floats(name)
          #expect(same, "\(name)")
        }
      }
    }
  }

  @Test("TetraJet's gradients have no bias but that of chance", arguments: ["vit", "swin"])
  func unbiased(family: String) throws {
    try withModel(family == "vit" ? Self.vit : Self.swin) { folder in
      let rows = try comparisons(folder, "--method", "tetrajet", "--repeat", "48")
      let all = try #require(rows["all tensors"])
      let (bias, noise) = (all["bias"] as! Double, all["expected_bias"] as! Double)
      // Of thousands of numbers, the root mean square scatters by some percent.
      #expect(bias > 0.5 * noise && bias < 1.5 * noise, "\(all)")
      #expect((all["deviation"] as! Double) > 0.05 && (all["cosine"] as! Double) > 0.99, "\(all)")
      #expect(!(all["outside_noise"] as! Bool))
      // One tensor in many may lie outside by chance: those with few independent numbers.
      let outside = rows.values.filter { $0["outside_noise"] as! Bool }
      #expect(outside.count <= rows.count / 10, "\(outside)")
      // What no quantizer touches is exact.
      let head = try #require(rows["head.fc.weight"] ?? rows["head.weight"])
      #expect(head["bias"] as! Double == 0 && head["deviation"] as! Double == 0, "\(head)")
    }
  }

  @Test(
    "reading the weights themselves, or rounding to the nearest, is a bias that chance does not explain",
    arguments: [
      ["--method", "tetrajet", "--set", "quantizers.q4.reads_quantized=false"],
      ["--method", "tetrajet", "--set", "quantizers.q6.reads_quantized=false"],
      ["--method", "tetrajet", "--backward-rounding", "nearest-even"],
      ["--method", "microscaling"],
    ])
  func biased(arguments: [String]) throws {
    try withModel { folder in
      let result = try tetrajet(
        ["trace", "\(folder)/in", "--repeat", "48", "--json"] + arguments)
      #expect(result.status == 0, "\(result)")
      let last = try #require(result.output.split(separator: "\n").last)
      let all = try JSONSerialization.jsonObject(with: Data(last.utf8)) as! [String: Any]
      #expect(all["tensor"] as! String == "all tensors" && all["outside_noise"] as! Bool, "\(all)")
      if arguments.contains("nearest-even") || arguments.contains("microscaling") {
        #expect(all["deviation"] as! Double == 0 && all["expected_bias"] as! Double == 0)
        #expect(all["bias"] as! Double > 0.01)
      }
    }
  }

  @Test("the numbers are those of the single traces, and the file holds mean and exact gradient")
  func numbers() throws {
    try withModel { folder in
      let result = try tetrajet(
        "trace", "\(folder)/in", "\(folder)/mean", "--method", "tetrajet", "--repeat", "3",
        "--seed",
        "5", "--json")
      #expect(result.status == 0, "\(result)")
      for seed in 5...7 {
        try trace(folder, "\(seed)", "--method", "tetrajet", "--seed", "\(seed)")
      }
      let single = try (5...7).map { try SafetensorsFile(path: "\(folder)/\($0)") }
      let file = try SafetensorsFile(path: "\(folder)/mean")
      #expect(file.metadata["repeats"] == "3" && file.metadata["seed"] == "5")
      let lines = result.output.split(separator: "\n")
      #expect(lines.count + 1 + lines.count - 1 == file.entries.count)
      for line in lines.dropLast() {
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as! [String: Any]
        let name = object["tensor"] as! String
        let draws = try single.map { try $0.floats("grad.\(name)").map(Double.init) }
        let exact = try file.floats("exact.\(name)").map(Double.init)
        var (bias, scatter, norm) = (0.0, 0.0, 0.0)
        for index in exact.indices {
          let mean = draws.reduce(0) { $0 + $1[index] } / 3
          bias += (mean - exact[index]) * (mean - exact[index])
          norm += exact[index] * exact[index]
          for draw in draws { scatter += (draw[index] - mean) * (draw[index] - mean) }
        }
        guard norm > 0 else { continue }
        let expected = [
          ("bias", (bias / norm).squareRoot()), ("deviation", (scatter / 2 / norm).squareRoot()),
          ("expected_bias", (scatter / 6 / norm).squareRoot()),
        ]
        for (key, value) in expected {
          #expect(abs(object[key] as! Double - value) <= 1e-9 * max(value, 1e-3), "\(name) \(key)")
        }
        #expect(object["elements"] as! Int == exact.count)
        let mean = try file.floats("grad.\(name)")
        #expect(
          zip(mean, draws[0].indices).allSatisfy { value, index in
            value == Float(draws.reduce(0) { $0 + $1[index] } / 3)
              || abs(Double(value) - draws.reduce(0) { $0 + $1[index] } / 3) < 1e-9
          }, "\(name)")
      }
    }
  }

  @Test("the table has a row a tensor, in 80 columns", arguments: ["vit", "swin"])
  func table(family: String) throws {
    let configuration = family == "vit" ? Self.vit : Self.swin
    try withModel(configuration) { folder in
      let result = try tetrajet(
        "trace", "\(folder)/in", "--method", "microscaling", "--repeat", "2")
      #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
      let lines = result.output.split(separator: "\n")
      for line in lines { #expect(line.count <= 80, "\(line)") }
      #expect(lines[0].hasPrefix("tensor ") && lines[0].hasSuffix("deviation %   cosine"))
      #expect(lines.last?.hasPrefix("all tensors ") == true && lines.last?.contains("*") == true)
      let words = result.output.filter { !$0.isWhitespace }
      let model = try VisionModel(configuration, recipe: .fp32, engine: .packed)
      for entry in model.parameters.entries where entry.name.count < 30 {
        #expect(words.contains(entry.name), "\(entry.name)")
      }
    }
  }

  @Test(
    "what a trace cannot do is said in one line",
    arguments: [
      (["out", "--method", "fp32", "--set", "quantizers.q9=1"], ["unknown key 'quantizers.q9'"]),
      (["out", "--method", "fp32", "--set", "metod=fp32"], ["did you mean 'method'?"]),
      (
        ["out", "--method", "fp32", "--set", "training.epochs=3"],
        ["--set: training.epochs is '3'", "left out", "quantizers.*"]
      ),
      (
        ["out", "--method", "fp32", "--set", "model.drop_path=0.1"],
        ["model.drop_path", "left out"]
      ),
      (
        ["out", "--method", "tetrajet", "--set", "quantizers.q1.rounding=round"],
        ["quantizers.q1.rounding is 'round'; it must be one of nearest-even"]
      ),
      (
        ["out", "--method", "tetrajet", "--set", "quantizers.q1.rounding=ema"],
        ["quantizers.q1.rounding is ema", "only q2 has moving averages"]
      ),
      (["out", "--method", "fp32", "--set", "model.width=7"], ["model.heads 2", "7"]),
      (["out"], ["--method"]), (["--method", "fp32"], ["<output>"]),
      (["out", "--method", "fp32", "--json"], ["--json goes with --repeat"]),
      (["--method", "fp32", "--repeat", "1"], ["--repeat is 1; it must be from 2"]),
      (["-", "--method", "fp32", "--repeat", "2"], ["standard output"]),
      (
        ["--method", "tetrajet", "--repeat", "2", "--set", "quantizers.q2.rounding=stochastic"],
        ["quantizers.q2.rounding is stochastic", "nearest-even or nearest-away"]
      ),
    ])
  func faults(arguments: [String], words: [String]) throws {
    try withModel { folder in
      let arguments = arguments.map { $0 == "out" ? "\(folder)/out" : $0 }
      let result = try tetrajet(["trace", "\(folder)/in"] + arguments)
      #expect(result.status == 64 && result.output.isEmpty, "\(result)")
      #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
      for word in words { #expect(result.errors.contains(word), "'\(word)' in: \(result.errors)") }
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/out"))
    }
  }
}
