import Files

extension RunSummary {
  /// A member of the file: its key, once, for the writer and the reader.
  private struct Member {
    let key: String
    let write: @Sendable (RunSummary, inout JSONLine) -> Void
    let read: @Sendable (inout RunSummary, KeyedDecodingContainer<MemberName>) throws -> Void
  }

  private static let members: [Member] = [
    name("method", \.method), name("engine", \.engine),
    number(.evalTop1, \.evalTop1), number(.evalTop5, \.evalTop5), number(.evalLoss, \.evalLoss),
    optional(Metric.trainLoss.rawValue, \.trainLoss),
    // Before the first evaluation it is -1.
    number("best_top1", \.bestTop1) { (-1...100).contains($0) },
    number(.imagesPerSecond, \.imagesPerSecond), number("peak_memory_mb", \.peakMemoryMB),
    optional("estimated_memory_mb", \.estimatedMemoryMB), number("seconds", \.seconds),
    count("parameters", \.parameters), integer("seed", \.seed) { _ in true },
    count("epochs", \.epochs), count("steps", \.steps),
    optional("stopped_early", \.stoppedEarly) { $0.add($1, $2) },
    count("skipped_images", \.skippedImages),
    member("skipped_names", \.skippedNames) { $0.add($1, $2) },
    count("threads", \.threads), name("isa", \.isa),
    optional("weights_sha256", \.weightsSHA256) { $0.add($1, $2) },
    optional(Metric.quantizedWeightRate.rawValue, \.rateOfChangeQuantizedWeight),
    optional(Metric.outputRate.rawValue, \.rateOfChangeOutput),
    optional(Metric.oscillatingShare.rawValue, \.oscillatingShare),
    optional("version", \.version) { $0.add($1, $2) },
  ]

  /// The summary as an object, with the run's folder as `output` where it is told.
  package func line(output: String? = nil) -> JSONLine {
    var line = JSONLine()
    for member in Self.members { member.write(self, &line) }
    if let output { line.add("output", output) }
    return line
  }

  func write(_ path: String) throws { try writeFileAtomically(path, text: line().lines) }
}

extension RunSummary: Decodable {
  /// Reads a summary.
  ///
  /// - Throws: `FileError`; a decoding error where the file is not a summary, or one that no run writes.
  package init(path: String) throws { self = try readJSON(path, limit: 1 << 20) }

  /// Reads the object.
  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: MemberName.self)
    self.init(empty: ())
    for member in Self.members { try member.read(&self, container) }
  }
}

// MARK: - Kinds of members

extension RunSummary {
  private typealias Path<Value> = WritableKeyPath<RunSummary, Value> & Sendable

  private static func member<Value: Decodable & Sendable>(
    _ key: String, _ path: Path<Value>, allows: @escaping @Sendable (Value) -> Bool = { _ in true },
    _ add: @escaping @Sendable (inout JSONLine, String, Value) -> Void
  ) -> Member {
    Member(key: key) { summary, line in
      add(&line, key, summary[keyPath: path])
    } read: { summary, members in
      let value = try members.decode(Value.self, forKey: MemberName(stringValue: key))
      guard allows(value) else { throw members.refusal(key) }
      summary[keyPath: path] = value
    }
  }

  /// A member that summaries of earlier versions, or of some runs, do not have.
  private static func optional<Value: Decodable & Sendable>(
    _ key: String, _ path: Path<Value?>,
    allows: @escaping @Sendable (Value) -> Bool = { _ in true },
    _ add: @escaping @Sendable (inout JSONLine, String, Value) -> Void
  ) -> Member {
    Member(key: key) { summary, line in
      if let value = summary[keyPath: path] { add(&line, key, value) }
    } read: { summary, members in
      let value = try members.decodeIfPresent(Value.self, forKey: MemberName(stringValue: key))
      guard value.map(allows) ?? true else { throw members.refusal(key) }
      summary[keyPath: path] = value
    }
  }

  private static func optional(_ key: String, _ path: Path<Double?>) -> Member {
    optional(key, path, allows: { MetricsLimits.allow($0, for: key) }) { $0.add($1, $2) }
  }

  private static func number(_ metric: Metric, _ path: Path<Double>) -> Member {
    number(metric.rawValue, path)
  }

  private static func number(
    _ key: String, _ path: Path<Double>, allows: (@Sendable (Double) -> Bool)? = nil
  ) -> Member {
    member(key, path, allows: allows ?? { MetricsLimits.allow($0, for: key) }) { $0.add($1, $2) }
  }

  private static func integer(
    _ key: String, _ path: Path<Int>, allows: @escaping @Sendable (Int) -> Bool
  ) -> Member {
    member(key, path, allows: allows) { $0.add($1, $2) }
  }

  private static func count(_ key: String, _ path: Path<Int>) -> Member {
    integer(key, path, allows: MetricsLimits.allow(count:))
  }

  /// A short text without control characters.
  private static func name(_ key: String, _ path: Path<String>) -> Member {
    member(key, path, allows: { $0.utf8.count <= 200 && oneLine($0) == $0 }) { $0.add($1, $2) }
  }
}
