import Foundation

/// One line of `metrics.jsonl`, of whatever version.
public struct MetricsRecord: Sendable {
  /// Steps done.
  public let step: Int
  /// The epoch, from 0.
  public let epoch: Int
  /// Single numbers by their key.
  let values: [String: Double]
  /// Numbers by quantizer or percentile, by their key.
  let maps: [String: [String: Double]]
  /// Histograms by their key.
  let lists: [String: [Double]]
  /// What is said of each quantized layer.
  let layers: [Layer]
  /// The paths of single weights through a window.
  let trajectories: [Trajectory]

  struct Layer: Sendable {
    let name: String
    let confidence: Double
    let oscillatingShare: Double?
  }

  struct Trajectory: Sendable {
    let name: String
    let row, column: Int
    /// The weight and its quantized value at each step.
    let latent, quantized: [Double]
    /// The exponent of its group's scale at each step.
    let scaleExponent: [Double]
  }

  /// A number of the line; nil where it is not there.
  public subscript(key: String) -> Double? { values[key] }

  /// Reads a line; nil where it is no JSON object or has no step.
  init?(json: Substring) {
    guard
      let object = try? JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any],
      let step = (object["step"] as? NSNumber)?.intValue
    else { return nil }
    self.step = step
    epoch = (object["epoch"] as? NSNumber)?.intValue ?? 0
    values = object.compactMapValues { ($0 as? NSNumber)?.doubleValue }.filter { $0.value.isFinite }
    maps = object.compactMapValues { $0 as? [String: NSNumber] }
      .mapValues { $0.mapValues(\.doubleValue) }
    lists = object.compactMapValues { $0 as? [NSNumber] }.mapValues { $0.map(\.doubleValue) }
    let layers = object["confidence_layers"] as? [[String: Any]] ?? []
    self.layers = layers.compactMap { layer in
      guard let name = layer["name"] as? String, let mean = layer["mean"] as? NSNumber else {
        return nil
      }
      return Layer(
        name: name, confidence: mean.doubleValue,
        oscillatingShare: (layer["oscillating_share"] as? NSNumber)?.doubleValue)
    }
    let trajectories = object["trajectories"] as? [[String: Any]] ?? []
    self.trajectories = trajectories.compactMap { path in
      func numbers(_ key: String) -> [Double] {
        (path[key] as? [NSNumber])?.map(\.doubleValue) ?? []
      }
      let (latent, quantized, exponents) =
        (numbers("latent"), numbers("quantized"), numbers("scale_exponent"))
      guard let name = path["name"] as? String, latent.count > 1,
        latent.count == quantized.count, latent.count == exponents.count
      else { return nil }
      return Trajectory(
        name: name, row: (path["row"] as? NSNumber)?.intValue ?? 0,
        column: (path["column"] as? NSNumber)?.intValue ?? 0, latent: latent, quantized: quantized,
        scaleExponent: exponents)
    }
  }
}
