import Files
import Foundation
import ImageData
import TestSupport
import Testing

@Suite("Files that a user names for results are written with care")
struct OutputFileTests {
  /// A folder with a small file to quantize and to trace, and a picture.
  private func withInputs(_ body: (_ folder: String) throws -> Void) throws {
    try withTemporaryFolder { folder in
      try writeSafetensors("\(folder)/in", tensors: [.floats("w", shape: [1, 2], [1, 2])])
      let photo = Image(width: 4, height: 4, channels: 1, pixels: [UInt8](0..<16))
      try Data(PNGEncoder.encode(photo, name: "photo.png"))
        .write(to: URL(fileURLWithPath: "\(folder)/photo.png"))
      try body(folder)
    }
  }

  private func text(_ path: String) throws -> String {
    String(decoding: try readFile(path), as: UTF8.self)
  }

  @Test("An existing file stays without --force, and is replaced with it, by every subcommand")
  func existing() throws {
    try withInputs { folder in
      let run = "\(folder)/run"
      #expect(
        try tetrajet("train", "--data", "digits", "--epochs", "1", "--output", run).status == 0)
      let out = "\(folder)/out"
      for arguments in [
        ["quantize", "\(folder)/in", out], ["augment", "\(folder)/photo.png", out],
        ["trace", "\(folder)/in", out, "--method", "fp32"], ["report", run, "-o", out],
      ] {
        try writeFileAtomically(out, text: "mine")
        let refused = try tetrajet(arguments)
        #expect(
          refused.status == 64 && refused.errors.contains("/out exists; give another name")
            && refused.errors.split(separator: "\n").count == 1, "\(arguments): \(refused)")
        #expect(try text(out) == "mine")
        let forced = try tetrajet(arguments + ["--force"])
        // The file to trace has no images.
        let isTrace = arguments[0] == "trace"
        #expect(forced.status == (isTrace ? 65 : 0), "\(arguments): \(forced)")
        #expect(try (text(out) == "mine") == isTrace)
      }
    }
  }

  @Test(
    "An input is never an output, under whatever name",
    arguments: ["in", "./in", "../FOLDER/in", "hard", "soft"])
  func input(name: String) throws {
    try withInputs { folder in
      let before = try readFile("\(folder)/in")
      try FileManager.default.linkItem(atPath: "\(folder)/in", toPath: "\(folder)/hard")
      try FileManager.default.createSymbolicLink(
        atPath: "\(folder)/soft", withDestinationPath: "in")
      let name = name.replacingOccurrences(
        of: "FOLDER", with: (folder as NSString).lastPathComponent)
      for force in [[], ["--force"]] {
        for arguments in [
          ["quantize", "\(folder)/in", "\(folder)/\(name)"],
          ["trace", "\(folder)/in", "\(folder)/\(name)", "--method", "fp32"],
        ] {
          let result = try tetrajet(arguments + force)
          #expect(
            result.status == 64 && result.errors.contains("is the input")
              && result.errors.split(separator: "\n").count == 1, "\(result)")
        }
      }
      #expect(try readFile("\(folder)/in") == before)
    }
  }

  @Test("A report never replaces a file of a run that it reads")
  func reportOverRun() throws {
    try withTemporaryFolder { folder in
      try FileManager.default.createDirectory(
        atPath: "\(folder)/run", withIntermediateDirectories: false)
      try writeFileAtomically("\(folder)/run/metrics.jsonl", text: "{\"step\":1,\"loss\":2}\n")
      let result = try tetrajet(
        "report", "\(folder)/run", "-o", "\(folder)/run/metrics.jsonl", "--force")
      #expect(result.status == 64 && result.errors.contains("is the input"), "\(result)")
      #expect(try text("\(folder)/run/metrics.jsonl").hasPrefix("{\"step\":1"))
    }
  }

  @Test("A link stays one: the file that it leads to gets the content, old or new")
  func links() throws {
    try withInputs { folder in
      let files = FileManager.default
      try files.createDirectory(atPath: "\(folder)/far", withIntermediateDirectories: false)
      try files.createSymbolicLink(atPath: "\(folder)/link", withDestinationPath: "far/out")
      for force in [[], ["--force"]] {
        let result = try tetrajet(["quantize", "\(folder)/in", "\(folder)/link"] + force)
        #expect(result.status == 0, "\(result)")
        #expect(try files.destinationOfSymbolicLink(atPath: "\(folder)/link") == "far/out")
        #expect(try SafetensorsFile(path: "\(folder)/far/out")["w_blocks"] != nil)
        #expect(try files.contentsOfDirectory(atPath: "\(folder)/far") == ["out"])
        // Who may read a file does not change with its content.
        guard force.isEmpty else { continue }
        try files.setAttributes([.posixPermissions: 0o640], ofItemAtPath: "\(folder)/far/out")
      }
      let mode = try files.attributesOfItem(atPath: "\(folder)/far/out")[.posixPermissions]
      #expect(mode as? Int == 0o640)
      try files.createSymbolicLink(atPath: "\(folder)/circle", withDestinationPath: "circle")
      #expect(try tetrajet("quantize", "\(folder)/in", "\(folder)/circle").status == 74)
    }
  }

  @Test(
    "A named pipe and standard output are written through", arguments: ["pipe", "-", "/dev/stdout"])
  func streams(name: String) throws {
    try withInputs { folder in
      let expected = "\(folder)/expected"
      #expect(try tetrajet("quantize", "\(folder)/in", expected).status == 0)
      let result = "\(folder)/result"
      if name == "pipe" {
        let pipe = "\(folder)/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        let reader = try start([pipe], output: result, program: URL(fileURLWithPath: "/bin/cat"))
        let written = try tetrajet("quantize", "\(folder)/in", pipe)
        #expect(written.status == 0, "\(written.errors)")
        if written.status != 0 { reader.terminate() }
        reader.waitUntilExit()
        let type = try FileManager.default.attributesOfItem(atPath: pipe)[.type]
        #expect(type as? FileAttributeType != .typeRegular)
      } else {
        let errors = "\(folder)/errors"
        let process = try start(
          ["quantize", "\(folder)/in", name], output: result, errors: errors)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(try text(errors).hasPrefix("1 matrix"))
      }
      #expect(try readFile(result) == readFile(expected))
    }
  }

  @Test("A folder, and a name in a folder that is not there, are refused before the work")
  func places() throws {
    try withInputs { folder in
      // Neither comes to see that the input is missing.
      let isFolder = try tetrajet("quantize", "\(folder)/none", folder, "--force")
      #expect(isFolder.status == 64 && isFolder.errors.contains("is a folder"), "\(isFolder)")
      let missing = try tetrajet("quantize", "\(folder)/none", "\(folder)/no/out")
      #expect(missing.status == 74 && missing.errors.contains("/no/out"), "\(missing)")
    }
  }
}
