import Files
import Foundation
import TestSupport
import Testing

@Suite("Images are known by what they are, not by where they lie")
struct DataLocationCommandTests {
  private let files = FileManager.default

  /// Photos of two classes below a folder, and a finished run on them by a relative path from there.
  private func prepare(_ folder: String) throws {
    for side in ["train", "test"] {
      try writeClasses("\(folder)/home/photos/\(side)", ["cat", "dog"], count: 3)
    }
    let trained = try tetrajet(
      in: "\(folder)/home", smallTraining + ["--data", "photos", "--output", "runs/first"])
    try #require(trained.status == 0, "\(trained.errors)")
  }

  @Test("a run is resumed and evaluated from other folders, and after it moved with its images")
  func elsewhere() throws {
    try withTemporaryFolder { folder in
      try prepare(folder)
      for arguments in [["eval"], ["train", "--resume"]] {
        let result = try tetrajet(in: "/", arguments + ["\(folder)/home/runs/first"])
        #expect(result.status == 0, "\(arguments): \(result.errors)")
      }
      try files.moveItem(atPath: "\(folder)/home", toPath: "\(folder)/moved")
      for (place, run) in [("/", "\(folder)/moved/runs/first"), ("\(folder)/moved/runs", "first")] {
        for arguments in [["eval"], ["train", "--resume"]] {
          let result = try tetrajet(in: place, arguments + [run])
          #expect(result.status == 0, "\(arguments): \(result.errors)")
        }
      }
      // A recipe repeats the run from anywhere, too.
      let again = try tetrajet(
        in: "/", ["train", "\(folder)/moved/runs/first/recipe.yaml", "--output", "\(folder)/again"])
      #expect(again.status == 0, "\(again.errors)")
      #expect(
        try readFile("\(folder)/again/last.safetensors")
          == readFile("\(folder)/moved/runs/first/last.safetensors"))
    }
  }

  @Test("another folder called so does not take the images' place: what is in it decides")
  func sameName() throws {
    try withTemporaryFolder { folder in
      try prepare(folder)
      for side in ["train", "test"] {
        try writeClasses("\(folder)/other/photos/\(side)", ["ant", "bee", "fly"], count: 1)
      }
      for arguments in [["eval"], ["train", "--resume"]] {
        let result = try tetrajet(
          in: "\(folder)/other", arguments + ["\(folder)/home/runs/first"])
        #expect(result.status == 0, "\(arguments): \(result.errors)")
      }
    }
  }

  @Test(
    "the same images given by another path are no change, others are one that says what differs")
  func givenAgain() throws {
    try withTemporaryFolder { folder in
      try prepare(folder)
      let (run, copy) = ("\(folder)/home/runs/first", "\(folder)/copy/")
      try files.copyItem(atPath: "\(folder)/home/photos", toPath: "\(folder)/copy")
      func resumed(_ more: String...) throws -> CommandResult {
        try tetrajet(["train", "--resume", run, "--data", copy] + more)
      }
      let same = try resumed()
      #expect(same.status == 0, "\(same.errors)")
      try write(onePixelImage, copy, ["train/cat/more.png"])
      let more = try resumed()
      #expect(more.status == 64)
      #expect(
        more.errors.contains("the number of training images of 'cat' was 3, is 4"), "\(more.errors)"
      )
      try files.removeItem(atPath: "\(copy)/train/cat/0.png")
      let renamed = try resumed()
      #expect(
        renamed.errors.contains("what the training images are called (6 as before) was "),
        "\(renamed.errors)")
      try files.moveItem(atPath: "\(copy)/test/dog", toPath: "\(copy)/test/owl")
      try files.moveItem(atPath: "\(copy)/train/dog", toPath: "\(copy)/train/owl")
      #expect(try resumed().errors.contains("the list of classes was [\"cat\", \"dog\"], is"))
      #expect(try resumed("--allow-changes").status == 0)
    }
  }

  @Test("~ is the home folder in quotes and recipes, and slashes behind a path count for nothing")
  func homeFolder() throws {
    try withTemporaryFolder { folder in
      try prepare(folder)
      let home = ["HOME": "\(folder)/home"]
      try write(Data("data:\n  path: ~/photos/\n".utf8), folder, ["recipe.yaml"])
      for (name, arguments) in [
        ("1", ["--data", "~/photos"]), ("2", ["--set", "data.path=~/photos"]),
        ("3", ["\(folder)/recipe.yaml"]),
      ] {
        let run = "\(folder)/run\(name)"
        let result = try tetrajet(
          smallTraining + arguments + ["--output", run], environment: home)
        #expect(result.status == 0, "\(arguments): \(result.errors)")
        // Wherever the images lie, the same training gives the same bytes.
        #expect(
          try readFile("\(run)/last.safetensors")
            == readFile("\(folder)/home/runs/first/last.safetensors"))
      }
      let survey = try tetrajet("data", "~/photos//", environment: home)
      #expect(survey.output.hasPrefix("class folders in \(folder)/home/photos\n"))
    }
  }

  @Test("a checkpoint away from its run asks for the images, and takes what is given")
  func away() throws {
    try withTemporaryFolder { folder in
      try prepare(folder)
      let file = "\(folder)/model.safetensors"
      try files.copyItem(
        atPath: "\(folder)/home/runs/first/last.safetensors", toPath: file)
      let lost = try tetrajet("eval", file)
      #expect(lost.status == 64 && lost.errors.contains("give them with --data"), "\(lost.errors)")
      let found = try tetrajet("eval", file, "--data", "\(folder)/home/photos")
      #expect(found.status == 0, "\(found.errors)")
      // Images that are others than the run had are scored, and said to be.
      try write(onePixelImage, "\(folder)/home/photos", ["test/cat/new.png"])
      let changed = try tetrajet("eval", "\(folder)/home/runs/first/best.safetensors")
      #expect(changed.status == 0 && changed.output.hasPrefix("7 images"))
      #expect(changed.errors.contains("these are not the test images that the run had"))
    }
  }
}
