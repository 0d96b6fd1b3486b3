import Foundation
import ImageData
import TestSupport
import Testing
import Training

@Suite("predict takes files, folders, patterns and standard input", .serialized)
struct PredictCommandTests {
  /// A trained model and pictures in `FOLDER/photos`, some of them deeper, in the order of their names.
  private func prepare(_ folder: String, method: String = "tetrajet+qema") throws -> [String] {
    let trained = try tetrajet(
      "train", "--epochs", "1", "--output", "\(folder)/run", "--method", method)
    try #require(trained.status == 0, "\(trained.errors)")
    let deep = "\(folder)/photos/more, \"too\""
    try FileManager.default.createDirectory(atPath: deep, withIntermediateDirectories: true)
    var random = TestRandom(seed: 12)
    let files =
      (0..<5).map { "\(folder)/photos/\($0).png" } + (5..<7).map { "\(deep)/\($0).PNG" }
    for (index, file) in files.enumerated() {
      let image = Image(
        width: 9 + index, height: 12, channels: 1,
        pixels: (0..<(9 + index) * 12).map { _ in UInt8(random.integer(below: 256)) })
      try Data(PNGEncoder.encode(image, name: file)).write(to: URL(fileURLWithPath: file))
    }
    try Data("a note".utf8).write(to: URL(fileURLWithPath: "\(folder)/photos/notes.txt"))
    return files
  }

  private func objects(_ output: String) throws -> [[String: Any]] {
    try output.split(separator: "\n").map {
      try JSONSerialization.jsonObject(with: Data($0.utf8)) as! [String: Any]
    }
  }

  @Test("a folder, a pattern and names on standard input are the same images, in order")
  func sources() throws {
    try withTemporaryFolder { folder in
      let files = try prepare(folder)
      let run = "\(folder)/run"
      let all = try tetrajet("predict", run, "\(folder)/photos/", "--json")
      #expect(all.status == 0, "\(all.errors)")
      #expect(all.errors.contains("no images to be read here: 1 (1 .txt)"), "\(all.errors)")
      #expect(try objects(all.output).map { $0["image"] as! String } == files)
      let pattern = try tetrajet("predict", run, "\(folder)/photos/[0-3].png", "--json")
      #expect(try objects(pattern.output).map { $0["image"] as! String } == Array(files[0...3]))
      for (separator, end) in [("\n", ""), ("\r\n", "\r\n"), ("\0", "\0")] {
        try Data((files.joined(separator: separator) + end).utf8)
          .write(to: URL(fileURLWithPath: "\(folder)/names"))
        let listed = try runShell(
          "'\(commandURL.path)' predict '\(run)' - --json < '\(folder)/names'")
        #expect(listed.output == all.output, "\(listed.errors)")
      }
      let empty = try tetrajet("predict", run, run)
      #expect(empty.status == 65 && empty.errors.contains("holds no image"), "\(empty.errors)")
      let none = try tetrajet("predict", run, "\(folder)/photos/x*.png")
      #expect(none.status == 74 && none.errors.contains("x*.png"), "\(none.errors)")
    }
  }

  @Test(
    "an image's classes do not depend on the images beside it",
    arguments: ["tetrajet+qema", "microscaling", "fp32"])
  func batches(method: String) throws {
    try withTemporaryFolder { folder in
      let files = try prepare(folder, method: method)
      let model = try DeployedModel(path: "\(folder)/run", on: cpu)
      let images = try model.prepare(files, threads: 2).map { try $0.get() }
      let together = try model.predict(images, count: 10)
      for (index, file) in files.enumerated() {
        let alone = try model.predict(file, count: 10)
        #expect(alone.map(\.label) == together[index].map(\.label))
        #expect(alone.map(\.probability) == together[index].map(\.probability))
      }
      let classes = try ["1", "3", "16"].map { size in
        try objects(
          tetrajet("predict", "\(folder)/run", "\(folder)/photos", "--batch-size", size, "--json")
            .output
        ).map { ($0["predictions"] as! [[String: Any]])[0]["label"] as! Int }
      }
      #expect(Set(classes).count == 1 && classes[0] == together.map { $0[0].label }, "\(classes)")
    }
  }

  @Test("a table has a row an image, CSV a line a class, with names in quotes where they need them")
  func formats() throws {
    try withTemporaryFolder { folder in
      let files = try prepare(folder)
      let run = "\(folder)/run"
      let table = try tetrajet("predict", run, "\(folder)/photos").output.split(separator: "\n")
      #expect(table.count == 8 && table[0].hasPrefix("image ") && table[7].hasPrefix(files[6]))
      #expect(Set(table.map(\.count)).count == 1, "\(table)")
      let csv = try tetrajet(
        "predict", run, files[6], files[0], "--format", "csv", "--top", "2"
      ).output.split(separator: "\n")
      #expect(csv.count == 5 && csv[0] == "image,rank,label,name,probability")
      let quoted = files[6].replacing("\"", with: "\"\"")
      #expect(csv[1].hasPrefix("\"\(quoted)\",1,") && csv[2].contains(",2,"), "\(csv)")
      #expect(csv[3].hasPrefix("\(files[0]),1,"))
      let both = try tetrajet("predict", run, files[0], "--json", "--format", "csv")
      #expect(both.status == 64 && both.errors.contains("do not go together"))
      let wrong = try tetrajet("predict", run, files[0], "--format", "xml")
      #expect(wrong.status == 64 && wrong.errors.contains("csv"), "\(wrong.errors)")
      // A broken image among others is left out, and the others are told.
      try Data("no image".utf8).write(to: URL(fileURLWithPath: "\(folder)/photos/3.png"))
      let broken = try tetrajet("predict", run, "\(folder)/photos", "--format", "csv", "--top", "1")
      #expect(broken.status == 65 && broken.output.split(separator: "\n").count == 7)
      #expect(broken.errors.contains("3.png: neither JPEG"), "\(broken.errors)")
    }
  }
}
