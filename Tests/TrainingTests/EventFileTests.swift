import EventFiles
import Files
import Foundation
import TestSupport
import Testing
import Training

@Suite("An event file is cut back with the run that wrote it")
struct EventFileTests {
  /// Appends a line for each step.
  static func write(_ steps: ClosedRange<Int>, to file: EventFile) throws {
    for step in steps {
      var line = JSONLine()
      line.add("train_loss", Double(step))
      try file.append(EventValue.values(of: line), step: step)
    }
  }

  static func records(_ path: String) throws -> Int {
    RecordFraming.payloads(in: try readFile(path)).count
  }

  @Test("a rewind keeps events up to its step, also behind a record that is cut off")
  func rewind() throws {
    try withTemporaryFolder { folder in
      let file = try EventFile(in: folder)
      try Self.write(1...5, to: file)
      let whole = try readFile(file.path)
      try FileDescriptor(appending: file.path).append([1, 2, 3])
      try EventFile.rewind(in: folder, toStep: 5)
      #expect(try readFile(file.path) == whole)
      try EventFile.rewind(in: folder, toStep: 3)
      #expect(try Self.records(file.path) == 4)
      #expect(try readFile(file.path) == Array(whole.prefix(readFile(file.path).count)))
      // What goes on is another file, and sorts behind.
      let next = try EventFile(in: folder)
      #expect(next.path > file.path)
      try Self.write(4...6, to: next)
      try EventFile.rewind(in: folder, toStep: 2)
      #expect(try Self.records(file.path) == 3)
      #expect(!FileManager.default.fileExists(atPath: next.path))
    }
  }

  @Test("files of other programs stay as they are")
  func foreign() throws {
    try withTemporaryFolder { folder in
      var event = ProtobufWriter()
      event.add(2, 7)
      for (seconds, bytes) in [(1, RecordFraming.record(event.bytes)), (2, [9, 9]), (3, [])] {
        let path = "\(folder)/events.out.tfevents.\(seconds).host"
        try FileDescriptor(appending: path).append(bytes)
        try EventFile.rewind(in: folder, toStep: 0)
        #expect(try readFile(path) == bytes)
      }
    }
  }

  @Test("a write that fails is one error that names the file")
  func failure() throws {
    try withTemporaryFolder { folder in
      let file = try EventFile(in: folder)
      try FileManager.default.createDirectory(
        atPath: file.path, withIntermediateDirectories: false)
      #expect(throws: FileError("write", file.path, code: EISDIR)) {
        try Self.write(1...1, to: file)
      }
    }
  }
}
