import Files
import Foundation
import MXFormats
import TestSupport
import Testing

@Suite("quantize, trace and bench do what they say")
struct ToolCommandTests {
  @Test("quantize writes packed matrices and copies the rest", arguments: ["rows", "columns"])
  func quantize(axis: String) throws {
    try withTemporaryFolder { folder in
      var random = TestRandom(seed: 70)
      let values = random.normals(5 * 70)
      try writeSafetensors(
        "\(folder)/in",
        tensors: [
          .floats("w", shape: [5, 70], values), .floats("bias", shape: [3], [1, 2, 3]),
        ], metadata: ["architecture": "vit"])
      let result = try tetrajet(
        "quantize", "\(folder)/in", "\(folder)/out", "--axis", axis, "--scale", "floor")
      #expect(
        result.status == 0 && result.output.hasPrefix("1 matrix, 350 elements"), "\(result)")
      let file = try SafetensorsFile(path: "\(folder)/out")
      let group = try #require(GroupAxis(rawValue: axis))
      let expected = PackedMatrix(
        packing: Quantizer(scaleRule: .floor, axis: group).quantize(values, rows: 5, columns: 70))
      #expect(try file.bytes("w_blocks") == expected.blocks)
      #expect(try file.bytes("w_scales") == expected.scales)
      #expect(try file.entry("w_blocks").shape == [expected.lanes, expected.groups, 16])
      #expect(try file.floats("bias") == [1, 2, 3])
      #expect(file.metadata["architecture"] == "vit" && file.metadata["scale_rule"] == "floor")
    }
  }

  @Test("quantize --values with moving averages needs them and uses them")
  func quantizeEMA() throws {
    try withTemporaryFolder { folder in
      try writeSafetensors(
        "\(folder)/in",
        tensors: [
          .floats("w", shape: [1, 3], [6, 2.1, 2.9]),
          .floats("w.ema", shape: [1, 3], [6, 2.6, 2.4]),
        ])
      let result = try tetrajet(
        "quantize", "\(folder)/in", "\(folder)/out", "--values", "--rounding", "ema")
      #expect(result.status == 0, "\(result.errors)")
      let file = try SafetensorsFile(path: "\(folder)/out")
      #expect(try file.floats("w.values", shape: [1, 3]) == [6, 3, 2])
      #expect(try file.bytes("w.codes") == [7, 5, 4] && file.bytes("w.scales") == [127])
      #expect(file.entries.count == 3)
      let without = try tetrajet(
        "quantize", "\(folder)/out", "\(folder)/never", "--rounding", "ema")
      #expect(without.status == 65 && without.errors.contains("w.values.ema"), "\(without.errors)")
    }
  }

  @Test("stochastic rounding repeats with its seed and changes with another")
  func quantizeSeeds() throws {
    try withTemporaryFolder { folder in
      var random = TestRandom(seed: 71)
      try writeSafetensors(
        "\(folder)/in", tensors: [.floats("w", shape: [8, 64], random.normals(512))])
      for (name, seed) in [("a", "1"), ("b", "1"), ("c", "2")] {
        let result = try tetrajet(
          "quantize", "\(folder)/in", "\(folder)/\(name)", "--rounding", "stochastic", "--seed",
          seed)
        #expect(result.status == 0)
      }
      #expect(try readFile("\(folder)/a") == readFile("\(folder)/b"))
      #expect(try readFile("\(folder)/a") != readFile("\(folder)/c"))
    }
  }

  @Test("quantize of the golden file is the golden packing")
  func goldenPacking() throws {
    try withTemporaryFolder { folder in
      let result = try tetrajet("quantize", Golden.path("packed"), "\(folder)/out")
      #expect(result.status == 0)
      let (file, golden) = (
        try SafetensorsFile(path: "\(folder)/out"), try Golden.open("packed")
      )
      #expect(try file.bytes("x_blocks") == golden.bytes("blocks"))
      #expect(try file.bytes("x_scales") == golden.bytes("scales"))
    }
  }

  @Test(
    "trace agrees with the golden model in every method, by either engine",
    .enabled(if: Golden.isWhole, Golden.absence), arguments: ["packed", "simulated"])
  func trace(engine: String) throws {
    try withTemporaryFolder { folder in
      for (method, tolerance) in [("fp32", 1e-5), ("tetrajet", 2e-2), ("microscaling", 2e-2)] {
        let result = try tetrajet(
          "trace", Golden.path("vit"), "\(folder)/\(method)", "--method", method, "--engine",
          engine,
          "--backward-rounding", "nearest-even")
        #expect(result.status == 0, "\(result.errors)")
        let (file, golden) = (
          try SafetensorsFile(path: "\(folder)/\(method)"), try Golden.open("vit")
        )
        let names = golden.entries.map(\.name).filter { $0.hasPrefix("\(method).") }
          .map { String($0.dropFirst(method.count + 1)) }
        #expect(Set(names) == Set(file.entries.map(\.name)))
        for name in names {
          let error = relativeError(
            try file.floats(name), try golden.floats("\(method).\(name)"))
          #expect(error <= tolerance, "\(method) \(engine) \(name): \(error)")
        }
      }
    }
  }
}
