import Fuzzing
import TestSupport
import Testing

/// Files of some hundred kilobytes that are all made of what takes the most memory a byte.
@Suite("Files that ask for much memory")
struct AmplificationTests {
  /// Whether a file was read, after checking that it took no more than is promised.
  private func read(_ format: String, _ bytes: [UInt8]) throws -> Bool {
    try withTemporaryFolder { folder in
      let target = try #require(try FuzzTarget.all(in: folder).first { $0.name == format })
      var campaign = FuzzCampaign(target, seed: 0, countsThread: true)
      try campaign.runSeeds()
      let isRead = try campaign.run(bytes)
      #expect(campaign.report.findings == [])
      return isRead
    }
  }

  private func safetensors(_ header: String, content: Int = 0) -> [UInt8] {
    let text = Array(header.utf8)
    return (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text
      + [UInt8](repeating: 0, count: content)
  }

  @Test("safetensors: many tensors, many extents, many notes, one byte a tensor")
  func safetensorsHeaders() throws {
    let empty = (0..<5000).map {
      "\"\($0)\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}"
    }
    #expect(try read("safetensors", safetensors("{\(empty.joined(separator: ","))}")))
    let ones = Array(repeating: "1", count: 150_000).joined(separator: ",")
    let tensor = "{\"t\":{\"dtype\":\"U8\",\"shape\":[\(ones)],\"data_offsets\":[0,1]}}"
    #expect(try !read("safetensors", safetensors(tensor, content: 1)))
    let notes = (0..<30_000).map { "\"\(String($0, radix: 36))\":\"\"" }.joined(separator: ",")
    #expect(try !read("safetensors", safetensors("{\"__metadata__\":{\(notes)}}")))
    let bytes = (0..<5000).map {
      "\"\($0)\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[\($0),\($0 + 1)]}"
    }
    #expect(
      try read("safetensors", safetensors("{\(bytes.joined(separator: ","))}", content: 5000)))
  }

  @Test(
    "safetensors: thin matrices, which fill groups of 32 with little, and ones without elements")
  func matrices() throws {
    for shape in ["100000,1", "1,100000", "50000,2"] {
      let header = "{\"t\":{\"dtype\":\"F16\",\"shape\":[\(shape)],\"data_offsets\":[0,200000]}}"
      #expect(try read("safetensors", safetensors(header, content: 200_000)))
    }
    for shape in ["1099511627776,0", "0,1099511627776"] {
      let header = "{\"t\":{\"dtype\":\"F16\",\"shape\":[\(shape)],\"data_offsets\":[0,0]}}"
      #expect(try read("safetensors", safetensors(header)))
    }
  }

  @Test(
    "checkpoints: a model larger than the file is refused before it is described",
    arguments: ["depth", "window_size", "embed_dim", "num_classes", "img_size", "mlp_ratio"])
  func checkpoints(key: String) throws {
    for architecture in ["vit", "swin"] {
      var notes = [
        "architecture": architecture, "img_size": "64", "patch_size": "4", "embed_dim": "64",
        "depth": "12", "num_heads": architecture == "vit" ? "2" : "1 1", "num_classes": "2",
        "depths": "1000 1000", "window_size": "4", "mlp_ratio": "4",
      ]
      notes[key] = ["depth": "1024", "window_size": "64", "mlp_ratio": "64"][key] ?? "4096"
      let text = notes.map { "\"\($0)\":\"\($1)\"" }.joined(separator: ",")
      #expect(try read("safetensors", safetensors("{\"__metadata__\":{\(text)}}")))
    }
  }

  @Test("recipes: nests, lists, long words and lines that stand for others a million times")
  func recipes() throws {
    let doubling = (0..<40).map { "a\($0): &a\($0) [*a\(max(0, $0 - 1)), *a\(max(0, $0 - 1))]\n" }
    let keys = (0..<24).map { "? &a\($0) [*a\(max(0, $0 - 1)),*a\(max(0, $0 - 1))]\n: 1\n" }
    for text in [
      String(repeating: "[", count: 100_000), String(repeating: "{a: ", count: 100_000),
      String(repeating: "- ", count: 100_000), String(repeating: "? ", count: 100_000),
      "a: " + String(repeating: "x", count: 1_000_000),
      "a: [" + String(repeating: "1,", count: 99_999),
      "a: [" + String(repeating: "1,", count: 2000) + "]", String(repeating: "a:\n", count: 2000),
      "? " + String(repeating: "é", count: 400_000) + "\n: 1", "a: &a0 [1]\n" + doubling.joined(),
      "? &a0 [1]\n: 1\n" + keys.joined(), "a: \"\\U00110000\"", "a: \"\\ud800\"", "a: \u{0}",
      "a: !!binary \"" + String(repeating: "A", count: 100_000) + "\"",
      (0..<60).map { String(repeating: " ", count: $0) + "a:\n" }.joined(),
    ] { #expect(try !read("recipes", Array(text.utf8)), "\(text.prefix(40))") }
    // What hides from whoever takes it for a comment, a string or a word.
    let ones = String(repeating: "1,", count: 5000)
    for text in [
      "a: ['x # ', \(ones)]", "a: [b\n'c, \(ones)']", "a: b\n  'c\n# '\nd: [', \(ones) ']",
      "\"a\n # b\": [\(ones)]", "a: |\nb: [\(ones)]", "- a: |\n  b: [\(ones)]",
      "--- 'a': [\(ones)]",
      "a: b\n  - [ x\nc]'d: [\(ones)]'", "# a\u{85}b: [\(ones)]", "# a\u{2028}b: [\(ones)]",
      "a: \"\\\" # \", [\(ones)]", "{a: 'it''s # ', b: [\(ones)]}", "a: &b 'c\n# '\nd: [\(ones)]",
      "...\n'a\n# ': [\(ones)]", "\u{FEFF}'a # ': [\(ones)]",
    ] { #expect(try !read("recipes", Array(text.utf8)), "\(text.prefix(40))") }
    #expect(try read("recipes", Array(String(repeating: "#:", count: 400_000).utf8)))
    #expect(try !read("recipes", [0x61, 0x3A, 0x20, 0xFF, 0xFE]))
    #expect(try read("recipes", []))
    #expect(try read("recipes", [UInt8](repeating: UInt8(ascii: "\n"), count: 1_000_000)))
  }

  @Test("tar: many links, long names, archives within, and class numbers beyond all samples")
  func archives() throws {
    var links = TarWriter(files: [("train/a/1.png", [1])])
    for item in 0..<800 { links.add("train/a/\(item).png", kind: "1", link: "train/a/1.png") }
    #expect(try read("tar", links.archive))
    var inner = TarWriter()
    for item in 0..<800 { inner.add("\(item)") }
    var long = TarWriter()
    long.addPax([("path", String(repeating: "x/", count: 500) + "1.tar")])
    long.add("a", inner.archive)
    #expect(try read("tar", long.archive))
    var longer = TarWriter()
    longer.addPax([("path", String(repeating: "x/", count: 100_000))])
    longer.add("a", [1])
    #expect(try !read("tar", longer.archive))
    for label in ["1048575", "70000", "32767"] {
      #expect(
        try read("tar", TarWriter(files: [("1.cls", Array(label.utf8)), ("1.png", [1])]).archive))
    }
  }

  @Test("gzip: a bomb ends where its header ends, and a header without data gets no memory")
  func bombs() throws {
    let head: [UInt8] = [0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 1, 0, 0, 0, 1, 0]
    let values = [UInt8](repeating: 0, count: 4 << 16)
    #expect(try read("IDX, gzip", gzip(head + values)))
    #expect(try !read("IDX, gzip", gzip(head + values + [UInt8](repeating: 0, count: 1 << 24))))
    #expect(try !read("IDX, gzip", gzip(head)))
    #expect(try !read("IDX, gzip", gzip(head) + [UInt8](repeating: 7, count: 1000)))
  }
}
