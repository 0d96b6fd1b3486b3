import Files
import Foundation
import ImageData
import TestSupport
import Testing
import Training

@Suite("eval says where a model errs, on whatever classes the data have", .serialized)
struct EvaluationCommandTests {
  /// Grey images of three classes that anybody can tell apart: a bright left or right half, or none, with some noise.
  static let classes = ["left", "right", "unlit"]

  private static func picture(_ kind: String, index: Int) throws -> [UInt8] {
    var random = TestRandom(seed: UInt64(index))
    let pixels = (0..<64).map { place -> UInt8 in
      let isBright =
        switch kind {
        case "left": place % 8 < 4
        case "right": place % 8 >= 4
        default: false
        }
      return UInt8((isBright ? 180 : 20) + random.integer(below: 60))
    }
    return try PNGEncoder.encode(
      Image(width: 8, height: 8, channels: 1, pixels: pixels), name: kind)
  }

  /// A side of class folders: `images` of each, the folder's name and what is in it.
  private static func write(
    _ folder: String, _ classes: [(name: String, kind: String)], images: Int
  ) throws {
    for (name, kind) in classes {
      let path = "\(folder)/\(name)"
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      for index in 0..<images {
        let bytes = try picture(kind, index: index)
        try FileDescriptor(creating: "\(path)/\(index).png").append(bytes)
      }
    }
  }

  /// A data set of `test/` and `train/` with the same folders.
  private static func writeSet(
    _ folder: String, _ classes: [(name: String, kind: String)], images: Int
  ) throws {
    for side in ["train", "test"] { try write("\(folder)/\(side)", classes, images: images) }
  }

  /// A run on the three classes in `folder`/run.
  private static func train(in folder: String) throws -> String {
    try writeSet("\(folder)/data", classes.map { ($0, $0) }, images: 12)
    let run = "\(folder)/run"
    let result = try tetrajet(
      "train", "--data", "\(folder)/data", "--epochs", "50", "--output", run, "--set",
      "model.image_size=8", "--set", "model.patch_size=4", "--set", "model.channels=1", "--set",
      "data.mean=[0.3]", "--set", "data.standard_deviation=[0.38]", "--set", "model.width=32",
      "--set", "model.heads=2", "--set", "model.depth=1", "--set", "training.batch_size=6", "--set",
      "training.evaluate_every=50",
      "--set",
      "data.crop_padding=0", "--set", "data.flip_probability=0")
    #expect(result.status == 0, "\(result.errors)")
    return run
  }

  @Test("classes are matched by name: other orders, fewer, more, none")
  func classNames() throws {
    try withTemporaryFolder { folder in
      let run = try Self.train(in: folder)
      func eval(_ set: String, _ classes: [(name: String, kind: String)]) throws -> CommandResult {
        try Self.writeSet("\(folder)/\(set)", classes, images: 4)
        return try tetrajet("eval", run, "--data", "\(folder)/\(set)", "--json")
      }
      func object(_ result: CommandResult) throws -> [String: Any] {
        #expect(result.status == 0, "\(result.errors)")
        return try OutputTests.object(result.output)
      }
      let same = try object(try eval("same", Self.classes.map { ($0, $0) }))
      let top1 = try #require(same["eval_top1"] as? Double)
      #expect(top1 > 90, "learnt to \(top1) %")

      // 'a' stands before them all, so that every label is another one.
      let more = try eval("more", [("a", "left")] + Self.classes.map { ($0, $0) })
      let scored = try object(more)
      #expect(scored["eval_top1"] as? Double == top1 && scored["images"] as? Int == 12, "\(more)")
      #expect(scored["unscored_images"] as? Int == 4)
      #expect(scored["unknown_classes"] as? [String] == ["a"])
      #expect(more.errors.contains("the model does not know 'a': images not scored: 4"))
      #expect(more.errors.split(separator: "\n").count == 1, "\(more.errors)")

      let fewer = try eval("fewer", [("right", "right"), ("unlit", "unlit")])
      let part = try object(fewer)
      #expect(part["eval_top1"] as? Double ?? 0 > 90 && part["images"] as? Int == 8, "\(fewer)")
      #expect(part["absent_classes"] as? [String] == ["left"])
      #expect(fewer.errors.contains("there are no images of 'left'"), "\(fewer.errors)")

      let none = try eval("none", [("cat", "left"), ("dog", "right"), ("owl", "unlit")])
      #expect(none.status == 65 && none.output.isEmpty)
      #expect(
        none.errors.contains("'cat', 'dog', 'owl'") && none.errors.contains("'left', 'right'"))
      #expect(none.errors.split(separator: "\n").count == 1, "\(none.errors)")
    }
  }

  @Test("per class, from class to class and image by image: as text, JSON, CSV and on the page")
  func details() throws {
    try withTemporaryFolder { folder in
      let run = try Self.train(in: folder)
      // Half of what is called left is right: four images of a class of eight are taken for another.
      try Self.writeSet(
        "\(folder)/mixed", [("left", "left"), ("right", "right"), ("unlit", "unlit")], images: 4)
      for index in 10..<14 {
        try FileDescriptor(creating: "\(folder)/mixed/test/left/\(index).png")
          .append(try Self.picture("right", index: index))
      }
      let files = ["classes", "matrix", "images"].map { "\(folder)/\($0).csv" }
      let arguments = [
        "eval", run, "--data", "\(folder)/mixed", "--per-class", files[0], "--confusion", files[1],
        "--predictions", files[2],
      ]
      let result = try tetrajet(arguments + ["--json"])
      #expect(result.status == 0, "\(result.errors)")
      let scored = try OutputTests.object(result.output)
      let classes = try #require(scored["classes"] as? [[String: Any]])
      #expect(classes.map { $0["class"] as? String } == Self.classes)
      #expect(classes.map { $0["images"] as? Int } == [8, 4, 4])
      #expect(classes[0]["hits"] as? Int == 4 && classes[0]["top1"] as? Double == 50)
      let confusions = try #require(scored["confusions"] as? [[String: Any]])
      #expect(confusions.first?["class"] as? String == "left")
      #expect(confusions.first?["predicted"] as? String == "right")
      #expect(confusions.first?["images"] as? Int == 4)
      let worst = try #require(scored["worst_images"] as? [[String: Any]])
      #expect(worst.count == 5)
      let losses = worst.compactMap { $0["loss"] as? Double }
      #expect(losses == losses.sorted(by: >) && losses[0] > 1)
      for image in worst.prefix(4) {
        #expect((image["image"] as? String)?.contains("left/1") == true, "\(image)")
        #expect(image["class"] as? String == "left" && image["predicted"] as? String == "right")
      }

      func lines(_ path: String) throws -> [[String]] {
        String(decoding: try readFile(path), as: UTF8.self).split(separator: "\n")
          .map { $0.components(separatedBy: ",") }
      }
      let table = try lines(files[0])
      #expect(table[0].prefix(5) == ["class", "images", "hits", "predictions", "top1"])
      #expect(table[1].prefix(3) == ["left", "8", "4"] && table[1].suffix(2) == ["right", "4"])
      let matrix = try lines(files[1])
      #expect(matrix[0] == ["class"] + Self.classes && matrix[1] == ["left", "4", "4", "0"])
      #expect(
        matrix.dropFirst().map { $0.dropFirst().compactMap(Int.init).reduce(0, +) } == [8, 4, 4])
      let images = try lines(files[2])
      #expect(images.count == 17 && images.allSatisfy { $0.count == 6 })
      let total = images.dropFirst().compactMap { Double($0[5]) }.reduce(0, +) / 16
      #expect(abs(total - (scored["eval_loss"] as? Double ?? 0)) < 1e-9)

      // What is there is not replaced unasked.
      let again = try tetrajet(arguments)
      #expect(again.status == 64 && again.errors.contains("--force"), "\(again)")
      let text = try tetrajet("eval", run, "--data", "\(folder)/mixed", "--worst", "1")
      #expect(text.output.contains("left        8    50.00"), "\(text.output)")
      #expect(
        text.output.contains("right (4)") && text.output.contains(": left, taken for right ("))
      let stream = try tetrajet("eval", run, "--data", "\(folder)/mixed", "--confusion", "-")
      #expect(
        stream.output.split(separator: "\n").map(String.init)
          == matrix.map { $0.joined(separator: ",") })

      // The run's own evaluation is on the page of its report, with pictures.
      let page = "\(folder)/page.html"
      let report = try tetrajet("report", run, "-o", page)
      #expect(report.status == 0, "\(report.errors)")
      let html = String(decoding: try readFile(page), as: UTF8.self)
      #expect(html.contains("<h2>Where the models err</h2>"))
      #expect(html.contains("src='data:image/png;base64,iVBORw0KGgo"))
    }
  }

  @Test("a name with a comma, a quote or a line break is one cell of a table")
  func csvCells() throws {
    try withTemporaryFolder { folder in
      let run = try Self.train(in: folder)
      try Self.writeSet(
        "\(folder)/odd", [("left", "left"), ("right", "right")], images: 1)
      let odd = "\(folder)/odd/test/left/a,\"b\".png"
      try FileManager.default.moveItem(atPath: "\(folder)/odd/test/left/0.png", toPath: odd)
      let result = try tetrajet("eval", run, "--data", "\(folder)/odd", "--predictions", "-")
      #expect(result.output.contains("a,\"\"b\"\".png\",left,left,"), "\(result)")
    }
  }
}
