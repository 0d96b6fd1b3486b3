import EventFiles
import Files
import Foundation
import TestSupport
import Testing
import Training

@Suite("The built command writes event files that say what the metrics say", .serialized)
struct EventCommandTests {
  /// One value of an event file, as the wire tells it.
  struct Point: Equatable {
    let step: Int
    let tag: String
    var number: Float?
    var counts: [Double] = []
  }

  static func eventFiles(_ run: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: run)
      .filter { $0.hasPrefix("events.out.tfevents.") }.sorted().map { "\(run)/\($0)" }
  }

  static func fields(_ message: ArraySlice<UInt8>) -> [(field: Int, value: ProtobufReader.Value)] {
    var reader = ProtobufReader(message)
    return Array(AnyIterator { reader.next() })
  }

  /// All values of all event files of a run, in order.
  static func points(_ run: String) throws -> [Point] {
    try eventFiles(run).flatMap { path in
      let bytes = try readFile(path)
      let payloads = RecordFraming.payloads(in: bytes)
      #expect(payloads.last.map(RecordFraming.end) == bytes.count, "\(path) has a torn end")
      let head = fields(bytes[payloads[0]])
      #expect(head.contains { $0 == 3 && $1 == .bytes(ArraySlice("brain.Event:2".utf8)) })
      return payloads.dropFirst().flatMap { points(in: bytes[$0]) }
    }
  }

  private static func points(in event: ArraySlice<UInt8>) -> [Point] {
    var step = 0
    var points: [Point] = []
    for (field, value) in fields(event) {
      switch (field, value) {
      case (2, .integer(let number)): step = Int(number)
      case (5, .bytes(let summary)):
        for case (1, .bytes(let value)) in fields(summary) { points.append(point(value, step)) }
      default: break
      }
    }
    return points
  }

  private static func point(_ value: ArraySlice<UInt8>, _ step: Int) -> Point {
    var point = Point(step: step, tag: "")
    for (field, value) in fields(value) {
      switch (field, value) {
      case (1, .bytes(let tag)):
        point = Point(step: step, tag: String(decoding: tag, as: UTF8.self))
      case (2, .fourBytes(let pattern)): point.number = Float(bitPattern: pattern)
      case (5, .bytes(let histogram)):
        for case (7, .bytes(let counts)) in fields(histogram) { point.counts = doubles(counts) }
      default: break
      }
    }
    return point
  }

  private static func doubles(_ bytes: ArraySlice<UInt8>) -> [Double] {
    stride(from: bytes.startIndex, to: bytes.endIndex, by: 8).map { start in
      Double(
        bitPattern: bytes[start..<start + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }
  }

  /// Tags that stand for the keys of a line whose values lie elsewhere than under oscillation/.
  private static let tags = [
    "epoch": "train/epoch", "train_loss": "train/loss", "learning_rate": "train/learning_rate",
    "images_per_second": "train/images_per_second", "loader_wait_share": "train/loader_wait_share",
    "eval_loss": "eval/loss", "eval_top1": "eval/top1", "eval_top5": "eval/top5",
  ]

  /// The same from the metrics, in any order.
  static func expected(_ run: String) throws -> [Point] {
    try jsonLines("\(run)/metrics.jsonl").flatMap { line in
      let step = line["step"] as! Int
      return line.flatMap { key, value -> [Point] in
        switch (key, value) {
        case ("step", _), ("trajectories", _), ("weights_sha256", _): return []
        case ("confidence_histogram", let counts as [Int]):
          return [Point(step: step, tag: "confidence/all", counts: counts.map(Double.init))]
        case ("latent_histogram", let counts as [Int]):
          return [Point(step: step, tag: "latent/all", counts: counts.map(Double.init))]
        case ("confidence_layers", let layers as [[String: Any]]):
          return layers.flatMap { layer in
            let name = layer["name"] as! String
            let counts = (layer["histogram"] as! [Int]).map(Double.init)
            let mean = Float(layer["mean"] as! Double)
            return [
              Point(step: step, tag: "confidence/\(name)", counts: counts),
              Point(step: step, tag: "confidence_mean/\(name)", number: mean),
            ]
          }
        case (_, let object as [String: Double]):
          return object.map { Point(step: step, tag: "\(key)/\($0)", number: Float($1)) }
        default:
          let tag = tags[key] ?? "oscillation/\(key)"
          return [Point(step: step, tag: tag, number: Float(value as! Double))]
        }
      }
    }
  }

  /// Compares events and metrics, each value once.
  static func compare(_ run: String) throws {
    func sorted(_ points: [Point]) -> [Point] {
      points.sorted { ($0.step, $0.tag) < ($1.step, $1.tag) }
    }
    let (found, wanted) = (sorted(try points(run)), sorted(try expected(run)))
    #expect(found.map { "\($0.step) \($0.tag)" } == wanted.map { "\($0.step) \($0.tag)" })
    for (point, other) in zip(found, wanted) {
      #expect(point.counts == other.counts, "step \(point.step), \(point.tag)")
      // One place of single precision: Foundation may read a double one place off.
      let tolerance = (other.number ?? 0).ulp
      #expect(
        abs((point.number ?? 0) - (other.number ?? 0)) <= tolerance,
        "step \(point.step), \(point.tag): \(point), not \(other)")
    }
  }

  static let arguments = [
    "train", "--data", "digits", "--set", "training.tensorboard=true", "--set",
    "training.log_every=7", "--set", "statistics.interval=50", "--set", "statistics.window=20",
  ]

  @Test("a run has one event file, with the values of its metrics")
  func run() throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      let result = try tetrajet(
        Self.arguments + ["--epochs", "3", "--method", "tetrajet+dampen", "--output", run])
      #expect(result.status == 0, "\(result.errors)")
      #expect(try Self.eventFiles(run).count == 1)
      try Self.compare(run)
      let tags = Set(try Self.points(run).map(\.tag))
      for tag in [
        "train/loss", "eval/top1", "oscillation/rate_of_change_quantized_weight",
        "oscillation/dampen_lambda", "saturation/q1", "oscillation_ratio_percentiles/99",
        "confidence/all", "latent/all", "confidence/blocks.0.attn.qkv.weight",
      ] { #expect(tags.contains(tag), "\(tag) of \(tags.sorted())") }
    }
  }

  @Test("a run that is killed and resumed has every event once")
  func resume() throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      let process = try start(
        Self.arguments + ["--set", "training.log_every=1", "--epochs", "10", "--output", run])
      func lines() -> Int { (try? jsonLines("\(run)/metrics.jsonl").count) ?? 0 }
      let deadline = Date(timeIntervalSinceNow: 60)
      while lines() < 60, Date() < deadline { usleep(1000) }
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      try #require(lines() >= 60 && lines() < 400, "it was not killed in the midst")
      let before = try Self.points(run).count
      let resumed = try tetrajet("train", "--resume", run)
      #expect(resumed.status == 0, "\(resumed.errors)")
      #expect(try Self.eventFiles(run).count == 2)
      try Self.compare(run)
      #expect(try Self.points(run).count > before)
    }
  }
}
