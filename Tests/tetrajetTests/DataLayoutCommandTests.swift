import Files
import Foundation
import Fuzzing
import TestSupport
import Testing

@Suite("Data sets as people have them")
struct DataLayoutCommandTests {
  private func object(_ text: String) throws -> [String: Any] {
    try JSONSerialization.jsonObject(with: Data(text.utf8)) as! [String: Any]
  }

  private func train(_ data: String, _ run: String, _ more: [String] = []) throws -> CommandResult {
    try tetrajet(smallTraining + ["--data", data, "--output", run] + more)
  }

  /// How many images `eval` scores.
  private func scored(_ arguments: String...) throws -> Int? {
    let result = try tetrajet(["eval"] + arguments + ["--json"])
    #expect(result.status == 0, "\(result.errors)")
    return try object(result.output)["images"] as? Int
  }

  @Test("a folder of class folders is split; train, data, resume and eval agree on it")
  func plain() throws {
    try withTemporaryFolder { folder in
      let (data, run) = ("\(folder)/photos", "\(folder)/run")
      try writeClasses(data, ["cat", "dog"], count: 20)
      let said = "8 of the 40 images, data.validation_share=0.2 of each class, are tested with"
      let trained = try train(data, run, ["--epochs", "2"])
      #expect(trained.status == 0 && trained.errors.contains(said), "\(trained.errors)")
      #expect(trained.errors.contains("32 training and 8 test images of 2 classes"))
      let recipe = String(decoding: try readFile("\(run)/recipe.yaml"), as: UTF8.self)
      #expect(recipe.contains("validation_share: 0.2") && recipe.contains("validation_seed: 0"))

      let survey = try tetrajet("data", data)
      #expect(survey.output.contains(said), "\(survey.output)")
      #expect(try scored(run) == 8)
      // The folder that it was trained on, given: still those that it was not trained on; another one: all.
      #expect(try scored(run, "--data", data) == 8)
      try writeClasses("\(folder)/new", ["cat", "dog"], count: 3)
      #expect(try scored(run, "--data", "\(folder)/new") == 6)

      let resumed = try tetrajet("train", "--resume", run)
      #expect(resumed.status == 0 && resumed.errors.contains("32 training and 8 test"))
      // Another share is another training.
      let other = try tetrajet("train", "--resume", run, "--set", "data.validation_share=0.5")
      #expect(other.status == 64, "\(other.errors)")
      #expect(other.errors.contains("data.validation_share was 0.2, is 0.5"), "\(other.errors)")
      let none = try tetrajet("train", "--data", data, "--set", "data.validation_share=0")
      #expect(none.status == 64 && none.errors.contains("data.validation_share is '0'"))
    }
  }

  @Test("train/ and val/ beside test images without labels: val/ is tested with, and that is said")
  func flatTest() throws {
    try withTemporaryFolder { folder in
      let data = "\(folder)/data"
      try writeClasses("\(data)/train", ["cat", "dog"], count: 3)
      try writeClasses("\(data)/val", ["cat", "dog"], count: 2)
      try write(onePixelImage, data, ["test/1.png", "test/2.png"])
      let said =
        "test has no class folders, so that its images have no labels: tested with val instead"
      let trained = try train(data, "\(folder)/run")
      #expect(trained.status == 0, "\(trained.errors)")
      #expect(trained.errors.contains("6 training and 4 test") && trained.errors.contains(said))
      #expect(try tetrajet("data", data).output.contains(said))
      #expect(try scored("\(folder)/run") == 4)
    }
  }

  @Test("an empty class: each advice that a message gives works")
  func emptyClass() throws {
    try withTemporaryFolder { folder in
      let data = "\(folder)/data"
      try writeClasses("\(data)/train", ["cat", "dog"], count: 3)
      try writeClasses("\(data)/test", ["cat"], count: 3)
      let missing = try train(data, "\(folder)/r1")
      #expect(missing.status == 65 && missing.errors.contains("an empty folder will do"))
      try FileManager.default.createDirectory(
        atPath: "\(data)/test/dog", withIntermediateDirectories: true)
      let trained = try train(data, "\(folder)/r2")
      #expect(trained.status == 0, "\(trained.errors)")
      #expect(trained.errors.contains("without an image in test: dog"), "\(trained.errors)")
      try FileManager.default.createDirectory(
        atPath: "\(data)/train/owl", withIntermediateDirectories: true)
      let empty = try train(data, "\(folder)/r3")
      #expect(empty.status == 65 && empty.errors.contains("list all classes in classes.txt"))
      try write(Data("cat\ndog\nowl\n".utf8), data, ["classes.txt"])
      let listed = try train(data, "\(folder)/r4")
      #expect(listed.status == 0, "\(listed.errors)")
      #expect(listed.errors.contains("without an image to train on: owl"), "\(listed.errors)")
    }
  }

  @Test(
    "files that are no images, and images in deeper folders: counted and named by data, train and eval"
  )
  func passedOver() throws {
    try withTemporaryFolder { folder in
      let (data, run) = ("\(folder)/data", "\(folder)/run")
      for side in ["train", "test"] {
        try writeClasses("\(data)/\(side)", ["cat", "dog"], count: 2)
      }
      try write(onePixelImage, data, ["train/cat/more/and/more/9.png", "train/stray.png"])
      try write(Data("x".utf8), data, ["train/cat/a.psd", "train/dog/b.psd", "test/dog/notes.txt"])
      let line =
        "passed over in train: 3 files that are no images to be read here "
        + "(2 .psd (Photoshop), 1 outside of the class folders)"
      let trained = try train(data, run)
      #expect(trained.status == 0 && trained.errors.contains(line), "\(trained.errors)")
      #expect(trained.errors.contains("5 training and 4 test"))
      let survey = try tetrajet("data", data)
      for name in ["train/stray.png", "train/cat/a.psd", "train/dog/b.psd", "test/dog/notes.txt"] {
        #expect(survey.output.contains("\n  \(data)/\(name)\n"), "\(survey.output)")
      }
      let scored = try tetrajet("eval", run)
      #expect(
        scored.errors.contains(
          "passed over in \(data): 1 file that is no image to be read here (1 .txt)"),
        "\(scored.errors)")
      let json = try object(tetrajet("data", data, "--json").output)["train"] as! [String: Any]
      #expect(json["passed_over"] as? Int == 3)
      #expect((json["passed_over_files"] as? [String])?.count == 3)
    }
  }

  @Test("shards whose labels all come behind the images are trained on")
  func lateLabels() throws {
    try withTemporaryFolder { folder in
      for (name, count) in [("train.tar", 80), ("val.tar", 4)] {
        let keys = (0..<count).map { "\(1000 + $0)" }
        let archive = tar(
          keys.map { ("\($0).png", Array(onePixelImage)) }
            + keys.reversed().map { ("\($0).cls", Array("\(Int($0)! % 2)".utf8)) })
        try write(Data(archive), folder, ["data/\(name)"])
      }
      let trained = try train("\(folder)/data", "\(folder)/run")
      #expect(trained.status == 0, "\(trained.errors)")
      #expect(trained.errors.contains("80 training and 4 test images of 2 classes"))
    }
  }

  #if os(Linux)
    @Test("names that are no UTF-8 are trained on, and named where they cannot be read")
    func otherEncodings() throws {
      try withTemporaryFolder { folder in
        let data = "\(folder)/data"
        for side in ["train", "test"] {
          try writeClasses("\(data)/\(side)", ["cat", "dog"], count: 2)
        }
        func rename(_ name: String, _ bytes: [UInt8]) {
          let target = RawName.string(Array("\(data)/".utf8) + bytes)
          let status = RawName.withPath(target) { Glibc.rename("\(data)/\(name)", $0) }
          #expect(status == 0)
        }
        try write(Data("no image".utf8), data, ["train/cat/broken.png"])
        rename("train/cat/broken.png", Array("train/cat/".utf8) + [0xFC, 0x2E, 0x70, 0x6E, 0x67])
        for side in ["train", "test"] { rename("\(side)/dog", Array("\(side)/h".utf8) + [0xFC]) }
        let survey = try tetrajet("data", data)
        #expect(survey.status == 0, "\(survey.errors)")
        #expect(survey.output.contains("hü: 2") && survey.output.contains("/train/cat/\\xFC.png:"))
        let trained = try train(
          data, "\(folder)/run", ["--set", "data.max_broken_share=0.5"])
        #expect(trained.status == 0, "\(trained.errors)")
        #expect(trained.errors.contains("skipped: \(data)/train/cat/\\xFC.png: "))
        #expect(try scored("\(folder)/run") == 4)
        // And as an argument, which a shell gives as it is.
        func surveyed(_ path: String) throws -> CommandResult {
          try runProgram(
            URL(fileURLWithPath: "/bin/sh"),
            ["-c", "exec \"$0\" data \"$(printf '\(path)')\"", commandURL.path])
        }
        let single = try surveyed("\(data)/train/h\\374/1.png")
        #expect(single.status == 0, "\(single.errors)")
        let lost = try surveyed("\(data)/h\\374")
        #expect(lost.status == 74 && lost.errors.contains("\(data)/h\\xFC: No such file"))
      }
    }
  #endif
}
