import Files
import Foundation
import TestSupport
import Testing

/// The bytes of a file with a header and data.
func safetensors(_ header: String, data: [UInt8] = []) -> [UInt8] {
  let length = UInt64(header.utf8.count)
  return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + Array(header.utf8) + data
}

@Suite("Safetensors")
struct SafetensorsTests {
  /// What opening a file of such bytes throws.
  static func fault(_ bytes: [UInt8]) throws -> SafetensorsError.Fault? {
    try withTemporaryFolder { folder in
      let path = "\(folder)/file.safetensors"
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      do {
        _ = try SafetensorsFile(path: path)
        return nil
      } catch let error as SafetensorsError {
        #expect(error.description.hasPrefix(path) && !error.description.contains("\n"))
        return error.fault
      }
    }
  }

  @Test("what is written is read back, with names and notes that need escapes")
  func roundTrip() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/file.safetensors"
      let name = "a \"quoted\"\\ naïve\n\u{1}名"
      try writeSafetensors(
        path,
        tensors: [
          .bytes("bytes", shape: [3], [1, 2, 3]), .floats(name, shape: [2, 1], [1.5, -.infinity]),
          .integers("labels", shape: [1], [-7]), .floats("empty", shape: [0, 5], [Float]()),
        ], metadata: ["k\"ey": "v\talue"])
      let file = try SafetensorsFile(path: path)
      #expect(file.metadata == ["k\"ey": "v\talue"])
      #expect(try file.floats(name, shape: [2, 1]) == [1.5, -.infinity])
      #expect(try file.bytes("bytes") == [1, 2, 3])
      #expect(try file.integers("labels") == [-7])
      #expect(try file.floats("empty") == [])
      // Larger elements first: every tensor is aligned to its element.
      #expect(file.entries.allSatisfy { $0.bytes.lowerBound.isMultiple(of: $0.type.size) })
    }
  }

  @Test("every half-precision and bfloat16 number is converted exactly")
  func halves() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/file.safetensors"
      let all = (0...65535).flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
      let header = """
        {"h": {"dtype": "F16", "shape": [65536], "data_offsets": [0, 131072]}, \
        "b": {"dtype": "BF16", "shape": [65536], "data_offsets": [131072, 262144]}}
        """
      try Data(safetensors(header, data: all + all)).write(to: URL(fileURLWithPath: path))
      let file = try SafetensorsFile(path: path)
      let (halves, brains) = (try file.floats("h"), try file.floats("b"))
      for bits in 0...65535 {
        let exponent = bits >> 10 & 31
        let fraction = Double(bits & 1023)
        let magnitude: Double =
          switch exponent {
          case 0: fraction * 0x1p-24
          case 31: fraction == 0 ? .infinity : .nan
          default: (1024 + fraction) * pow(2, Double(exponent - 25))
          }
        let expected = Float(bits & 0x8000 == 0 ? magnitude : -magnitude)
        #expect(halves[bits] == expected || (halves[bits].isNaN && expected.isNaN))
        #expect(brains[bits].bitPattern == UInt32(bits) << 16)
      }
    }
  }

  @Test("a header that lies is an error that says how")
  func lies() throws {
    func tensor(_ rest: String) -> String { "{\"x\": {\(rest)}}" }
    let four = [UInt8](repeating: 0, count: 4)
    func f32(_ shape: String, _ offsets: String) -> String {
      tensor("\"dtype\": \"F32\", \"shape\": \(shape), \"data_offsets\": \(offsets)")
    }
    #expect(try Self.fault([1, 2, 3]) == .noHeader(fileLength: 3))
    #expect(
      try Self.fault([UInt8](repeating: 255, count: 16))
        == .headerLength(claimed: .max, available: 8))
    #expect(
      try Self.fault(safetensors(f32("[2]", "[0, 4]"), data: four))
        == .size(tensor: "x", shape: [2], type: "F32", spanned: 4))
    #expect(
      try Self.fault(safetensors(f32("[1]", "[4, 0]"), data: four))
        == .range(tensor: "x", begin: 4, end: 0, available: 4))
    #expect(
      try Self.fault(safetensors(f32("[2]", "[0, 8]"), data: four))
        == .range(tensor: "x", begin: 0, end: 8, available: 4))
    // 2^62 · 4 overflows; so does a product of extents.
    #expect(
      try Self.fault(safetensors(f32("[4611686018427387904]", "[0, 0]")))
        == .size(tensor: "x", shape: [1 << 62], type: "F32", spanned: 0))
    #expect(
      try Self.fault(safetensors(f32("[4294967296, 4294967296]", "[0, 4]"), data: four))
        == .size(tensor: "x", shape: [1 << 32, 1 << 32], type: "F32", spanned: 4))
    #expect(
      try Self.fault(
        safetensors(
          tensor("\"dtype\": \"F3\", \"shape\": [], \"data_offsets\": [0, 4]"), data: four))
        == .type(tensor: "x", found: "F3"))
    let entry = "{\"dtype\": \"U8\", \"shape\": [3], \"data_offsets\": [0, 3]}"
    let shifted = "{\"dtype\": \"U8\", \"shape\": [3], \"data_offsets\": [1, 4]}"
    #expect(
      try Self.fault(safetensors("{\"a\": \(entry), \"b\": \(shifted)}", data: four))
        == .overlap(first: "a", second: "b"))
    #expect(try Self.fault(safetensors("{\"a\": \(entry)}", data: four)) == .hole(offset: 3))
    #expect(try Self.fault(safetensors("{\"b\": \(shifted)}", data: four)) == .hole(offset: 0))
    #expect(
      try Self.fault(safetensors("{\"a\": \(entry), \"a\": \(entry)}", data: four))
        == .duplicate(name: "a"))
    #expect(
      try Self.fault(
        safetensors(
          tensor("\"dtype\": \"U8\", \"dtype\": \"U8\", \"shape\": [], \"data_offsets\": [0, 1]")))
        == .duplicate(name: "x.dtype"))
  }

  @Test("notes that are null and fields that later versions may have are passed over")
  func lenient() throws {
    let header = """
      {"__metadata__": null, "x": {"dtype": "U8", "strides": [1, {"a": [true, -1.5e3]}], "shape": [2], \
      "layout": null, "name": "\\u00e9", "data_offsets": [0, 2]}}
      """
    try withTemporaryFolder { folder in
      let path = "\(folder)/file.safetensors"
      try Data(safetensors(header, data: [7, 8])).write(to: URL(fileURLWithPath: path))
      let file = try SafetensorsFile(path: path)
      #expect(try file.bytes("x") == [7, 8])
      #expect(file.metadata.isEmpty)
    }
    // Not so deep that the stack ends.
    let deep = String(repeating: "[", count: 100_000)
    guard case .syntax = try Self.fault(safetensors("{\"x\": {\"a\": \(deep)")) else {
      Issue.record("a deep value was not refused as syntax")
      return
    }
  }

  @Test(
    "a header that is not the JSON it must be is an error",
    arguments: [
      "", "[]", "{", "{\"x\"}", "{\"x\": 1}", "{\"x\": {}}", "{\"x\": {\"shape\": [-1]}}",
      "{\"x\": {\"shape\": [1e3]}}", "{\"x\": {\"shape\": [99999999999999999999]}}",
      "{\"\\u12\": {}}", "{\"\\ud800\": {}}", "{\"__metadata__\": {\"a\": 1}}", "{} {}",
      "{\"__metadata__\": nul}", "{\"__metadata__\": [null]}", "{\"x\": {\"a\": tru}}",
      "{\"x\": {\"a\": 1 2}}", "{\"x\": {\"a\": [1,]}}",
      "{\"x\": {\"dtype\": \"U8\", \"shape\": [], \"data_offsets\": [0]}}",
    ])
  func syntax(header: String) throws {
    guard case .syntax = try Self.fault(safetensors(header)) else {
      Issue.record("\(header) was not refused as syntax")
      return
    }
  }

  @Test("damaged files never trap: 3,000 seeded mutations open or throw a typed error")
  func mutations() throws {
    var random = TestRandom(seed: 40)
    try withTemporaryFolder { folder in
      let path = "\(folder)/file.safetensors"
      try writeSafetensors(
        path,
        tensors: [
          .floats("weight", shape: [2, 2], [1, 2, 3, 4]), .bytes("b", shape: [2], [1, 2]),
        ],
        metadata: ["note": "text"])
      let good = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
      var refused = 0
      for _ in 0..<3000 {
        var bytes = good
        for _ in 0...random.integer(below: 3) {
          switch random.integer(below: 3) {
          case 0 where !bytes.isEmpty:
            bytes[random.integer(below: bytes.count)] ^= 1 << UInt8(random.integer(below: 8))
          case 1: bytes.removeLast(random.integer(below: bytes.count + 1))
          default:
            bytes.insert(
              UInt8(truncatingIfNeeded: random.bits()), at: random.integer(below: bytes.count + 1))
          }
        }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        do {
          let file = try SafetensorsFile(path: path)
          for entry in file.entries {
            #expect(try file.bytes(entry.name).count == entry.bytes.count)
          }
        } catch is SafetensorsError {
          refused += 1
        }
      }
      #expect(refused > 1000)
    }
  }

  @Test("a missing tensor is named with the nearest name there is")
  func missing() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/file.safetensors"
      try writeSafetensors(path, tensors: [.floats("head.weight", shape: [1], [1])])
      let file = try SafetensorsFile(path: path)
      #expect(throws: file.error(.missing(tensor: "head.weigth", nearest: "head.weight"))) {
        try file.floats("head.weigth")
      }
      #expect(throws: file.error(.shape(tensor: "head.weight", found: [1], expected: [2]))) {
        try file.floats("head.weight", shape: [2])
      }
    }
  }

  @Test("a write that fails leaves the old file and nothing beside it")
  func atomic() throws {
    struct Failure: Error {}
    try withTemporaryFolder { folder in
      let path = "\(folder)/file"
      try writeFileAtomically(path, text: "old")
      #expect(throws: Failure.self) {
        try writeFileAtomically(path) { file in
          try [UInt8](repeating: 1, count: 100).withUnsafeBytes { try file.write($0) }
          throw Failure()
        }
      }
      #expect(try String(decoding: readFile(path), as: UTF8.self) == "old")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["file"])
      #expect(throws: FileError("create", "\(folder)/none/file", code: ENOENT)) {
        try writeFileAtomically("\(folder)/none/file", text: "x")
      }
    }
  }
}
