import Files

/// `metrics.jsonl`, read line by line: one reader for what goes on from it and what draws it.
package struct MetricsFile: Sendable {
  /// The lines in their order; of a step that a run said twice, as one that was killed and resumed may, the later one.
  package private(set) var records: [MetricsRecord] = []
  /// How many lines are none that a run writes, and left out.
  package private(set) var damagedLines = 0

  /// No line of a run is longer, in bytes: a thousand trajectories over a thousand steps.
  private static let longestLine = 1 << 26

  /// Reads a file.
  ///
  /// - Throws: `FileError`.
  package init(path: String) throws {
    try Self.forEachLine(path) { _, record in
      guard let record else {
        damagedLines += 1
        return
      }
      while let last = records.last, last.step >= record.step { records.removeLast() }
      records.append(record)
    }
  }

  /// Takes a file back to a step: lines that a killed run wrote after its last checkpoint would otherwise stand there
  /// twice. Damaged lines go with them.
  ///
  /// - Throws: `FileError`.
  package static func rewind(_ path: String, toStep step: Int) throws {
    var kept: [UInt8] = []
    try forEachLine(path) { line, record in
      guard let record, record.step <= step else { return }
      kept += line
      kept.append(newline)
    }
    try writeFileAtomically(path) { file in try kept.withUnsafeBytes { try file.write($0) } }
  }

  private static let newline = UInt8(ascii: "\n")

  /// Calls `body` with each line that is not empty, and with what it says; nil where that is nothing a run writes.
  /// At no time is there more in memory than one line.
  private static func forEachLine(
    _ path: String, _ body: (ArraySlice<UInt8>, MetricsRecord?) -> Void
  ) throws {
    let file = try FileDescriptor(reading: path)
    func report(_ line: ArraySlice<UInt8>, isWhole: Bool) {
      if line.isEmpty { return }
      body(line, isWhole ? try? parseJSON(line, as: MetricsRecord.self) : nil)
    }
    var (line, isWhole, offset) = ([UInt8](), true, 0)
    while true {
      let chunk = try [UInt8](unsafeUninitializedCapacity: 1 << 18) { buffer, count in
        count = try file.read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
      }
      offset += chunk.count
      var rest = chunk[...]
      while let end = rest.firstIndex(of: newline) {
        line += rest[..<end]
        report(line[...], isWhole: isWhole)
        (line, isWhole) = ([], true)
        rest = rest[(end + 1)...]
      }
      line += rest
      // Of a line that is too long, its beginning is enough to count it.
      if line.count > longestLine { (line, isWhole) = ([newline], false) }
      if chunk.isEmpty { break }
    }
    report(line[...], isWhole: isWhole)
  }
}
