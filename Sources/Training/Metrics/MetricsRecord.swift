import Oscillation

/// One line of `metrics.jsonl`, of whatever version.
package struct MetricsRecord: Sendable {
  /// Steps done.
  package let step: Int
  /// The epoch, from 0.
  package let epoch: Int
  /// Single numbers by their key.
  private var values: [String: Double] = [:]
  /// Numbers by quantizer or percentile, by their key.
  private var maps: [Metric: [String: Double]] = [:]
  /// Histograms, counts a bin, by their key.
  private var histograms: [Metric: [Double]] = [:]
  /// What is said of each quantized layer.
  package private(set) var layers: [Layer] = []
  /// The paths of single weights through a window.
  package private(set) var trajectories: [Trajectory] = []

  /// A quantized layer.
  package struct Layer: Sendable {
    /// The weight's name.
    package let name: String
    /// Its mean confidence; nil where that was no number.
    package let confidence: Double?
    /// The share of its weights with R_w > 16.
    package let oscillatingShare: Double?
    /// How many weights have each confidence, counts a bin; empty where the run's version did not write it.
    package let histogram: [Double]

    /// The name as people say it.
    package var shortName: String { Self.shortName(name) }

    /// A layer's name without what all have.
    package static func shortName(_ name: String) -> String {
      name.hasSuffix(".weight") ? String(name.dropLast(7)) : name
    }
  }

  /// The path of one weight.
  package struct Trajectory: Sendable {
    /// The tensor, and the place in it.
    package let name: String
    /// C and D.
    package let row, column: Int
    /// The weight and its quantized value at each step.
    package let latent, quantized: [Double]
    /// Its group's scale at each step.
    package let scale: [Double]
    /// The exponent of the scale, or its byte where it is no power of two: what stays while the scale does.
    package let scaleCode: [Int]
    /// The code at each step; empty where the run's version did not write it.
    package let code: [Int]

    /// How often the code changes while the scale stays (`Oscillation.codeFlips`).
    package var codeFlips: Int {
      // Without codes, the quantized value says the same while the scale stays.
      let states = code.isEmpty ? quantized : zip(code, quantized).map { $1 == 0 ? 0 : Double($0) }
      return Oscillation.codeFlips(states, scales: scaleCode)
    }

    /// A number of a step in units of its scale.
    package func scaled(_ value: Double, at step: Int) -> Double {
      scale[step] == 0 ? 0 : value / scale[step]
    }
  }

  /// A number of the line; nil where it is not there.
  package subscript(metric: Metric) -> Double? { values[metric.rawValue] }
  /// A number that a remedy reported, by its key.
  package subscript(key: String) -> Double? { values[key] }
  /// Numbers by quantizer or percentile; nil where they are not there.
  package func map(_ metric: Metric) -> [String: Double]? { maps[metric] }
  /// Counts a bin; nil where they are not there.
  package func histogram(_ metric: Metric) -> [Double]? { histograms[metric] }
}

// MARK: - Reading

extension MetricsRecord: Decodable {
  /// Reads a line's object.
  ///
  /// - Throws: `DecodingError` where something is missing, of another type, or nothing that a run writes
  ///   (`MetricsLimits`). Members that it does not know may be anything.
  package init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: MemberName.self)
    step = try members.decode(Int.self, forKey: "step")
    epoch = try members.decodeIfPresent(Int.self, forKey: "epoch") ?? 0
    guard MetricsLimits.allow(count: step), (0..<MetricsLimits.mostEpochs).contains(epoch) else {
      throw members.refusal("step \(step) or epoch \(epoch)")
    }
    for name in members.allKeys {
      let key = name.stringValue
      if ["step", "epoch"].contains(key) { continue }
      guard let metric = Metric(rawValue: key) else {
        values[key] = try Self.number(members, name)
        continue
      }
      switch metric.kind {
      case .histogram:
        let counts = try members.decode([Double].self, forKey: name)
        guard !counts.isEmpty, counts.allSatisfy({ $0 >= 0 && MetricsLimits.allow($0) }) else {
          throw members.refusal(key)
        }
        histograms[metric] = counts
      case .map:
        let numbers = try members.decode([String: Double?].self, forKey: name).compactMapValues {
          $0
        }
        guard numbers.values.allSatisfy({ $0 >= 0 && MetricsLimits.allow($0) }) else {
          throw members.refusal(key)
        }
        maps[metric] = numbers
      case .layers: layers = try members.decode([Layer].self, forKey: name)
      case .trajectories: trajectories = try members.decode([Trajectory].self, forKey: name)
      case .percent, .share, .magnitude: values[key] = try Self.number(members, name)
      }
    }
  }

  /// A member that is one number; nil where it is null, or something else under a key of another version.
  private static func number(
    _ members: KeyedDecodingContainer<MemberName>, _ name: MemberName
  ) throws -> Double? {
    let key = name.stringValue
    guard MetricsLimits.isNumber(key) else {
      let value = try? members.decodeIfPresent(Double.self, forKey: name)
      return value.flatMap { MetricsLimits.allow($0) ? $0 : nil }
    }
    guard let value = try members.decodeIfPresent(Double.self, forKey: name) else { return nil }
    guard MetricsLimits.allow(value, for: key) else { throw members.refusal(key) }
    return value
  }
}

extension MetricsRecord.Layer: Decodable {
  /// Reads a layer's object.
  package init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: MemberName.self)
    name = try members.decode(String.self, forKey: "name")
    confidence = try members.decodeIfPresent(Double.self, forKey: "mean")
    oscillatingShare = try members.decodeIfPresent(Double.self, forKey: "oscillating_share")
    guard [confidence, oscillatingShare].allSatisfy({ (0...1).contains($0 ?? 0) }) else {
      throw members.refusal("a layer's share")
    }
    histogram = try members.decodeIfPresent([Double].self, forKey: "histogram") ?? []
    guard histogram.allSatisfy({ $0 >= 0 && MetricsLimits.allow($0) }) else {
      throw members.refusal("a layer's histogram")
    }
  }
}

extension MetricsRecord.Trajectory: Decodable {
  /// Reads a path's object.
  package init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: MemberName.self)
    name = try members.decode(String.self, forKey: "name")
    row = try members.decodeIfPresent(Int.self, forKey: "row") ?? 0
    column = try members.decodeIfPresent(Int.self, forKey: "column") ?? 0
    latent = try members.decode([Double].self, forKey: "latent")
    quantized = try members.decode([Double].self, forKey: "quantized")
    code = try members.decodeIfPresent([Int].self, forKey: "code") ?? []
    let known: ClosedRange<Int>
    if let scale = try members.decodeIfPresent([Double].self, forKey: "scale") {
      self.scale = scale
      scaleCode = try members.decode([Int].self, forKey: "scale_byte")
      known = 0...255
    } else {
      // E8M0.
      scaleCode = try members.decode([Int].self, forKey: "scale_exponent")
      known = -127...127
      scale = scaleCode.map { Double(sign: .plus, exponent: $0, significand: 1) }
    }
    // Codes have at most six bits.
    let isWhole =
      [quantized.count, scale.count, scaleCode.count].allSatisfy { $0 == latent.count }
      && (code.isEmpty || code.count == latent.count)
    guard isWhole, (latent + quantized + scale).allSatisfy(MetricsLimits.allow),
      scale.allSatisfy({ $0 >= 0 }), scaleCode.allSatisfy(known.contains),
      code.allSatisfy((0...63).contains),
      [row, column].allSatisfy(MetricsLimits.allow(count:))
    else { throw members.refusal("a trajectory") }
  }
}

/// The name of a member of an object, whatever it is.
struct MemberName: CodingKey, ExpressibleByStringLiteral {
  let stringValue: String
  var intValue: Int? { nil }

  init(stringValue: String) { self.stringValue = stringValue }
  init(stringLiteral: String) { stringValue = stringLiteral }
  init?(intValue: Int) { nil }
}

extension KeyedDecodingContainer {
  /// The error for a value that no run writes.
  func refusal(_ what: String) -> DecodingError {
    .dataCorrupted(.init(codingPath: codingPath, debugDescription: "\(what): no run writes that"))
  }
}
