import Files
import Foundation
import ImageData
import TestSupport
import Testing
import Training

@Suite("augment shows what augmentation does")
struct AugmentCommandTests {
  private func image(_ width: Int, _ height: Int) -> Image {
    Image(
      width: width, height: height, channels: 3,
      pixels: (0..<width * height * 3).map { UInt8(truncatingIfNeeded: $0 * 37 + 11) })
  }

  private func write(_ image: Image, to path: String) throws {
    try Data(PNGEncoder.encode(image, name: path)).write(to: URL(fileURLWithPath: path))
  }

  private func read(_ path: String) throws -> Image {
    try EncodedImage(readFile(path), name: path).decoded()
  }

  @Test("operations are done in order, to the whole image, outside of which is the mean")
  func operations() throws {
    try withTemporaryFolder { folder in
      let source = image(12, 7)
      try write(source, to: "\(folder)/in.png")
      let result = try tetrajet(
        "augment", "\(folder)/in.png", "\(folder)/out.png", "--operation", "Rotate=-30",
        "--operation", "Invert")
      #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
      let expected = source.applying(.rotate(-30), fill: [124, 116, 104])
        .applying(.invert, fill: [124, 116, 104])
      let isSame = try read("\(folder)/out.png") == expected
      #expect(isSame)
    }
  }

  @Test("evaluation resizes and crops; a sheet has its samples in rows, the same for a seed")
  func pictures() throws {
    try withTemporaryFolder { folder in
      let source = image(30, 20)
      try write(source, to: "\(folder)/in.png")
      let (file, out) = ("\(folder)/in.png", "\(folder)/out.png")
      var result = try tetrajet(
        "augment", file, out, "--evaluation", "--size", "10", "--set", "data.crop_ratio=0.5")
      #expect(result.status == 0, "\(result)")
      var middle: [UInt8] = []
      for y in 5..<15 { middle += source.pixels[(y * 30 + 10) * 3..<(y * 30 + 20) * 3] }
      let isMiddle = try read(out).pixels == middle
      #expect(isMiddle)

      var sheets: [Image] = []
      for seed in ["1", "1", "2"] {
        result = try tetrajet(
          "augment", file, out, "--force", "--size", "16", "--count", "5", "--seed", seed, "--set",
          "augmentation.crop=resized", "--set", "augmentation.policy=rand-m9-mstd0.5-inc1",
          "--set", "augmentation.erasing_probability=0.5")
        #expect(result.status == 0, "\(result)")
        sheets.append(try read(out))
      }
      #expect(sheets[0].width == 3 * 18 && sheets[0].height == 2 * 18)
      let (isSame, isOther) = (sheets[0] == sheets[1], sheets[0] != sheets[2])
      #expect(isSame && isOther)
    }
  }

  @Test("after a run the sheet shows what its recipe does, as its model sees it")
  func run() throws {
    try withTemporaryFolder { folder in
      let (photo, run) = ("\(folder)/photo.png", "\(folder)/run")
      try write(image(30, 20), to: photo)
      try FileManager.default.createDirectory(atPath: run, withIntermediateDirectories: true)
      let keys = [
        "model.image_size=12", "augmentation.crop=resized", "data.flip_probability=1",
        "augmentation.policy=rand-m9-mstd0.5-inc1", "model.patch_size=4",
      ]
      var recipe = try Recipe(
        settings: keys.map { try RecipeSetting(assignment: $0) }
          + [RecipeSetting("data.path", "photos", flag: "--data")])
      recipe.seed = 3
      try Data(recipe.yaml.utf8).write(to: URL(fileURLWithPath: "\(run)/recipe.yaml"))
      let sets = keys.flatMap { ["--set", $0] }
      let first = try tetrajet("augment", run, photo, "\(folder)/run.png")
      let second = try tetrajet(
        ["augment", photo, "\(folder)/set.png", "--image-size", "12"] + sets)
      #expect(first.status == 0 && second.status == 0, "\(first) \(second)")
      let (sheet, other) = (try read("\(folder)/run.png"), try read("\(folder)/set.png"))
      let isSame = sheet == other
      #expect(isSame && sheet.width == 4 * 14)
      // Without a name the sheet lies where the command is called.
      let shell = try runShell("cd '\(folder)' && '\(commandURL.path)' augment run photo.png")
      #expect(shell.status == 0 && shell.errors.contains("photo-augmented.png"), "\(shell)")
      let isThere = try read("\(folder)/photo-augmented.png") == sheet
      #expect(isThere)
      let none = try tetrajet("augment", folder, photo)
      #expect(none.status == 65 && none.errors.contains("has no recipe.yaml"), "\(none.errors)")
      let alone = try tetrajet("augment", photo)
      #expect(alone.status == 64 && alone.errors.contains("expected IMAGE OUTPUT.png"))
    }
  }

  @Test("what cannot be done is one line, a status, and no file")
  func errors() throws {
    try withTemporaryFolder { folder in
      let (file, out) = ("\(folder)/in.png", "\(folder)/out.png")
      try write(image(4, 4), to: file)
      try Data("no image".utf8).write(to: URL(fileURLWithPath: "\(folder)/text"))
      let cases: [([String], Int32, String)] = [
        ([file, out, "--operation", "Rotat=3"], 64, "--operation Rotat=3"),
        ([file, out, "--operation", "Rotate"], 64, "Rotate=DEGREES"),
        ([file, out, "--operation", "Rotate=x"], 64, "--operation Rotate=x"),
        ([file, out, "--operation", "Posterize=9"], 64, "--operation Posterize=9"),
        ([file, out, "--operation", "Invert", "--evaluation"], 64, "go together"),
        ([file, out, "--count", "0"], 64, "--count is 0"),
        ([file, out, "--size", "8193"], 64, "--size is 8193"),
        ([file, out, "--count", "1000", "--size", "8000"], 64, "count is 1000"),
        ([file, out, "--set", "augmentation.policy=rand-x"], 64, "augmentation.policy"),
        (["\(folder)/text", out], 65, "text: neither JPEG"),
        (["\(folder)/none.png", out], 74, "cannot read \(folder)/none.png"),
        ([file, "\(folder)/none/out.png"], 74, "cannot create \(folder)/none/out.png"),
      ]
      for (arguments, status, text) in cases {
        let result = try tetrajet(["augment"] + arguments)
        #expect(result.status == status, "\(arguments): \(result)")
        #expect(result.errors.contains(text), "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
      }
      let left = try FileManager.default.contentsOfDirectory(atPath: folder)
      // Files that the runs' own output goes to lie elsewhere.
      #expect(left.sorted() == ["in.png", "text"])
    }
  }
}
