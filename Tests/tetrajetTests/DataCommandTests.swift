import Foundation
import TestSupport
import Testing

@Suite("data says what a data set consists of")
struct DataCommandTests {
  /// Class folders with one readable image a class and `broken` others of class "a" to train on.
  private func write(_ folder: String, broken: Int) throws {
    for name in ["train/a", "train/b", "test/a", "test/b"] {
      try FileManager.default.createDirectory(
        atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
      try ModelCommandTests.onePixel.write(to: URL(fileURLWithPath: "\(folder)/\(name)/1.png"))
    }
    for item in 0..<broken {
      try Data("no image".utf8).write(to: URL(fileURLWithPath: "\(folder)/train/a/x\(item).png"))
    }
  }

  @Test("as a table, with broken images named and options to paste; the exit status is 0")
  func text() throws {
    try withTemporaryFolder { folder in
      try write(folder, broken: 3)
      let result = try tetrajet("data", folder, "--list", "2")
      #expect(result.status == 0, "\(result.errors)")
      let lines = result.output.split(separator: "\n").map(String.init)
      #expect(lines[0] == "class folders in \(folder)" && lines[1].hasSuffix("test"))
      func row(_ name: String) -> [Substring] {
        lines.first { $0.hasPrefix(name) }?.split(separator: " ").suffix(2) ?? []
      }
      #expect(row("images") == ["5", "2"] && row("PNG") == ["2", "2"])
      #expect(row("grey") == ["2", "2"] && row("broken") == ["3", "0"])
      #expect(result.output.contains("b: 1") && result.output.contains("a: 4"))
      #expect(lines.contains { $0.hasPrefix("  \(folder)/train/a/x0.png: neither JPEG") })
      #expect(lines.contains("  and 1 more (--list 3 names all)"))
      #expect(
        lines.last?.hasPrefix("  --set model.channels=1 --set 'data.mean=[") == true,
        "\(result.output)")
      #expect(result.errors.contains("5 training and 2 test images of 2 classes"))
      #expect(result.errors.contains("7 images looked at") && !result.errors.contains("\u{1B}"))
    }
  }

  @Test("as one JSON object, the same for any number of threads, and of a sample")
  func json() throws {
    try withTemporaryFolder { folder in
      try write(folder, broken: 30)
      let results = try ["1", "2"].map { try tetrajet("data", folder, "--json", "--threads", $0) }
      #expect(results.allSatisfy { $0.status == 0 } && results[0].output == results[1].output)
      let object =
        try JSONSerialization.jsonObject(with: Data(results[0].output.utf8)) as! [String: Any]
      let train = object["train"] as! [String: Any]
      #expect(object["class_names"] as! [String] == ["a", "b"])
      #expect(train["class_counts"] as! [Int] == [31, 1] && train["broken"] as! Int == 30)
      #expect((train["broken_images"] as! [Any]).count == 20)
      #expect(train["formats"] as! [String: Int] == ["PNG": 2])
      #expect(train["width"] as! [Int] == [1, 1, 1] && (train["mean"] as! [Double]).count == 1)
      let sample = try tetrajet("data", folder, "--json", "--sample", "4")
      #expect(sample.output.contains("\"surveyed\": 4"))
    }
  }

  @Test("the options it prints are options that train takes")
  func options() throws {
    try withTemporaryFolder { folder in
      let result = try tetrajet("data", "digits")
      let line = try #require(result.output.split(separator: "\n").last)
      let options = line.components(separatedBy: "--set ").dropFirst().map {
        $0.trimmingCharacters(in: CharacterSet(charactersIn: " '"))
      }
      #expect(options.count == 3 && options[0] == "model.channels=1", "\(options)")
      let trained = try tetrajet(
        ["train", "--epochs", "1", "--output", "\(folder)/run", "--method", "fp32"]
          + options.flatMap { ["--set", $0] })
      #expect(trained.status == 0, "\(trained.errors)")
    }
  }

  @Test("where there is no data set it ends as train does: 65 or 74, and 64 for wrong options")
  func errors() throws {
    try withTemporaryFolder { folder in
      for (status, arguments) in [
        (65, [folder]), (74, ["\(folder)/none"]), (64, ["digits", "--sample", "0"]),
        (64, ["digits", "--list", "-1"]),
      ] as [(Int32, [String])] {
        let result = try tetrajet(["data"] + arguments)
        #expect(result.status == status && result.output.isEmpty, "\(result)")
        #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
      }
    }
  }
}
