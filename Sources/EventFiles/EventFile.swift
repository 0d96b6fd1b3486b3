import Files
import Foundation

/// The metrics of a run once more, as TensorBoard reads them: `events.out.tfevents.SECONDS.HOST`.
///
/// Each process that trains writes a file of its own, as TensorBoard expects of a run that is
/// interrupted. What a killed process wrote after its last checkpoint is cut off the file before
/// the run goes on (`rewind`), as it is from `metrics.jsonl`. The alternatives were rejected:
/// events that announce a restart, since some readers of the format do not heed them; going on in
/// the old file, since a TensorBoard that is open has read past its new end.
package struct EventFile: Sendable {
  private static let prefix = "events.out.tfevents."

  /// The file; it is made with its first events.
  package let path: String

  /// A new file in a run's folder, whose name sorts behind those that are there.
  ///
  /// - Throws: `FileError` where the folder cannot be listed.
  package init(in folder: String) throws {
    let seconds = try Self.names(in: folder).compactMap(Self.seconds).max().map { $0 + 1 }
    let now = Int(Date().timeIntervalSince1970)
    path = "\(folder)/\(Self.prefix)\(max(now, seconds ?? 0)).\(Self.host)"
  }

  /// Adds all values of a step, whole or not at all.
  ///
  /// - Throws: `FileError`.
  package func append(_ values: [EventValue], step: Int) throws {
    let seconds = Date().timeIntervalSince1970
    let file = try FileDescriptor(appending: path)
    let head = try file.length() == 0 ? RecordFraming.record(Event.head(seconds: seconds)) : []
    let event = Event.summary(values, step: step, seconds: seconds)
    try file.append(head + RecordFraming.record(event))
  }

  /// Cuts the event files of a run behind the last event of a step, and removes those that hold
  /// none up to there. Files of other programs stay as they are.
  ///
  /// - Throws: `FileError`.
  package static func rewind(in folder: String, toStep step: Int) throws {
    for path in try names(in: folder).map({ "\(folder)/\($0)" }) where try isOwn(path) {
      let bytes = try readFile(path)
      let payloads = RecordFraming.payloads(in: bytes)
      // Steps only grow in a file: it has one writer.
      let kept = payloads.prefix { Event.step(of: bytes[$0]) <= step }
      if kept.count <= 1 {
        guard unlink(path) == 0 else { throw FileError("remove", path) }
      } else if let last = kept.last, RecordFraming.end(of: last) < bytes.count {
        try FileDescriptor(appending: path).truncate(to: RecordFraming.end(of: last))
      }
    }
  }

  /// Whether a file begins as those of this project do. No more of it is read: those of others may
  /// be large.
  private static func isOwn(_ path: String) throws -> Bool {
    let file = try FileDescriptor(reading: path)
    let length = RecordFraming.record(Event.head(seconds: 0)).count
    let bytes = try [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
      count = try file.read(into: UnsafeMutableRawBufferPointer(buffer), at: 0)
    }
    return RecordFraming.payloads(in: bytes).first.map { Event.isHead(bytes[$0]) } ?? false
  }

  private static func names(in folder: String) throws -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder)
        .filter { $0.hasPrefix(prefix) }.sorted()
    } catch { throw FileError("read", folder, code: ENOENT) }
  }

  private static func seconds(of name: String) -> Int? {
    Int(name.dropFirst(prefix.count).prefix { $0 != "." })
  }

  /// The machine's own name, without asking a name server for it.
  private static var host: String {
    var bytes = [CChar](repeating: 0, count: 256)
    guard gethostname(&bytes, bytes.count - 1) == 0 else { return "localhost" }
    let name = String(
      decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return name.isEmpty ? "localhost" : name.replacing("/", with: "-")
  }
}
