import Foundation
import Fuzzing
import TestSupport
import Testing

@Suite("data looks at whatever is there, and says what suits it")
struct DataAdviceCommandTests {
  /// A grey PNG file of less than 65,536 pixels and rows, all that its one block holds; `value` makes it another file.
  private func png(_ width: Int, _ height: Int, _ value: UInt8 = 0) -> Data {
    let row = Array(repeating: value, count: width)
    return Data(
      PNGWriter.file(
        width: width, height: height, type: PNGWriter.grey,
        rows: Array(repeating: row, count: height)))
  }

  private func object(_ text: String) throws -> [String: Any] {
    try JSONSerialization.jsonObject(with: Data(text.utf8)) as! [String: Any]
  }

  @Test("equal files on both sides, and twice on one, are counted and the first named")
  func equalFiles() throws {
    try withTemporaryFolder { folder in
      for (index, name) in ["train/a/1", "train/a/2", "train/b/1", "test/a/1", "test/b/1"]
        .enumerated()
      {
        try write(png(4, 4, UInt8(index)), folder, ["\(name).png"])
      }
      let clean = try tetrajet("data", folder)
      #expect(!clean.output.contains("trained on, byte by byte") && !clean.output.contains("twice"))
      try write(png(4, 4, 0), folder, ["train/b/again.png", "test/a/leak.png"])
      let result = try tetrajet("data", folder)
      #expect(
        result.output.contains(
          """

          test images that are trained on, byte by byte: 1
            \(folder)/test/a/leak.png
              equals \(folder)/train/a/1.png

          images that are there twice: 1
            \(folder)/train/b/again.png
              equals \(folder)/train/a/1.png
          of these in another class: 1

          """), "\(result.output)")
      let json = try object(tetrajet("data", folder, "--json").output)
      #expect(json["equal_across_sides"] as? Int == 1 && json["equal_within_side"] as? Int == 1)
      #expect(json["equal_in_other_class"] as? Int == 1)
    }
  }

  @Test("images of no data set are looked at all the same, with what is missing; a single one, too")
  func loose() throws {
    try withTemporaryFolder { folder in
      try write(png(5, 4), folder, ["flat/1.png", "flat/2.PNG"])
      try write(Data("x".utf8), folder, ["flat/labels.csv"])
      let flat = try tetrajet("data", "\(folder)/flat")
      #expect(flat.status == 0, "\(flat.errors)")
      let lines = flat.output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
      #expect(lines[0] == "images in \(folder)/flat" && lines[1] == "images")
      #expect(
        flat.output.contains("2 images without class folders, expected one folder for each class"))
      #expect(flat.output.contains("  \(folder)/flat/labels.csv\n"), "\(flat.output)")
      #expect(!flat.output.contains("--set"))
      let one = try tetrajet("data", "\(folder)/flat/1.png", "--json")
      let json = try object(one.output)
      #expect((json["images"] as? [String: Any])?["width"] as? [Int] == [5, 5, 5], "\(one.output)")
      #expect((json["problem"] as? String)?.contains("a single PNG image") == true)
      // Sides that do not fit each other.
      try write(png(5, 4), folder, ["sides/train/a/1.png", "sides/test/b/1.png"])
      let sides = try tetrajet("data", "\(folder)/sides")
      #expect(sides.status == 0 && sides.output.contains("class 'a' is missing in test/"))
      // What has no image is no data.
      try write(Data("PK\u{3}\u{4} and so on".utf8), folder, ["all.zip"])
      let zip = try tetrajet("data", "\(folder)/all.zip")
      #expect(zip.status == 65 && zip.errors.contains("a ZIP archive, expected"), "\(zip.errors)")
      let trained = try tetrajet("train", "--data", "\(folder)/flat", "--output", "\(folder)/run")
      #expect(trained.status == 65 && trained.errors.contains("2 images without class folders"))
    }
  }

  @Test(
    "a model is proposed that suits the images, and train takes it",
    arguments: [
      (20, "model.image_size=16"), (32, ""), (64, "model.image_size=64"),
      (128, "model.image_size=128"), (200, "model.preset=deit_tiny_patch16_224"),
    ])
  func advice(side: Int, setting: String) throws {
    try withTemporaryFolder { folder in
      for name in ["a/1", "a/2", "b/1", "b/2"] {
        try write(png(side + 50, side), folder, ["data/\(name).png"])
      }
      let json = try object(tetrajet("data", "\(folder)/data", "--json").output)
      let settings = try #require(json["suiting_settings"] as? String)
      #expect(setting.isEmpty ? settings.isEmpty : settings.contains(setting), "\(settings)")
      let survey = try tetrajet("data", "\(folder)/data")
      #expect(survey.output.contains("a model that suits images of about \(side) pixels"))
      let words = settings.split(separator: " ").map(String.init)
      // As it starts, not as it trains, which would take a while.
      let refused = try tetrajet(
        [
          "train", "--data", "\(folder)/data", "--set", "model.channels=1", "--set",
          "data.mean=[0]",
        ]
          + ["--set", "data.standard_deviation=[1]", "--memory-limit", "1MiB"] + words
          + ["--output", "\(folder)/run"])
      #expect(refused.errors.contains("1 MiB"), "\(refused.errors)")
    }
  }

  @Test(
    "train says what the model sees of photographs, and proposes more where the size is the default"
  )
  func proposal() throws {
    try withTemporaryFolder { folder in
      for name in ["a/1", "a/2", "b/1", "b/2"] {
        try write(png(240, 180), folder, ["data/\(name).png"])
      }
      let small = smallTraining + ["--data", "\(folder)/data"]
      let seen = "the training images are 240 x 180 (median)"
      let chosen = try tetrajet(small + ["--output", "\(folder)/chosen"])
      #expect(chosen.status == 0, "\(chosen.errors)")
      #expect(chosen.errors.contains("the model sees 8 x 8 pixels in patches of 4; \(seen)\n"))
      let byDefault = try tetrajet(
        small + ["--set", "model.image_size=32", "--set", "model.patch_size=8"]
          + ["--output", "\(folder)/default"])
      #expect(
        byDefault.errors.contains(
          "\(seen), far more than it sees: consider --set model.preset=deit_tiny_patch16_224"),
        "\(byDefault.errors)")
      let recipe = String(
        decoding: try Data(contentsOf: URL(fileURLWithPath: "\(folder)/default/recipe.yaml")),
        as: UTF8.self)
      #expect(recipe.contains("image_size: 32"))
    }
  }
}
