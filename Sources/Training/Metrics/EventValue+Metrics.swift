import EventFiles
import Files
import MXCompute

/// The values of a line of metrics under the tags by which TensorBoard shows them.
///
/// | in `metrics.jsonl` | tag |
/// |---|---|
/// | `train_loss` | `train/loss` |
/// | `epoch`, `learning_rate`, `images_per_second`, `loader_wait_share` | `train/epoch`, … |
/// | `eval_loss`, `eval_top1`, `eval_top5` | `eval/loss`, `eval/top1`, `eval/top5` |
/// | `eval_average_loss`, … | `eval_average/loss`, … |
/// | members of `saturation`, `underflow`, `oscillation_ratio_percentiles` | `saturation/q1`, … |
/// | every other number: of oscillation, and what remedies report | `oscillation/KEY` |
/// | `confidence_histogram` | `confidence/all`, a histogram |
/// | `latent_histogram` | `latent/all`, a histogram |
/// | `confidence_layers` | `confidence/NAME`, a histogram, and `confidence_mean/NAME` |
///
/// `step` is every value's place on the axis. Numbers are stored in single precision; one that is
/// not finite, null in the metrics, is stored as it is. Trajectories stay in the metrics: they are
/// tables, not points on a curve.
extension EventValue {
  /// The values of a line of metrics, in its order.
  package static func values(of line: JSONLine) -> [EventValue] {
    line.members.flatMap { key, value -> [EventValue] in
      if key == "step" { return [] }
      let metric = Metric(rawValue: key)
      guard metric == nil || metric?.tag != nil else { return [] }
      // What no list has, remedies report; the epoch is the training's.
      let tag = metric?.tag ?? (key == "epoch" ? "train/epoch" : "oscillation/\(key)")
      switch (metric, value) {
      case (.confidenceHistogram, .integers(let counts)): return [histogram(tag, counts)]
      case (.latentHistogram, .integers(let counts)):
        return [latentHistogram(tag, counts, range: line[Metric.latentRange.rawValue]?.number)]
      case (.layers, .objects(let layers)): return layers.flatMap { layer(tag, $0) }
      case (_, .object(let object)):
        return object.members.compactMap { scalar("\(key)/\($0.key)", $0.value) }
      default: return scalar(tag, value).map { [$0] } ?? []
      }
    }
  }

  private static func scalar(_ tag: String, _ value: JSONLine.Value) -> EventValue? {
    value.number.map { EventValue(tag: tag, content: .scalar(Float($0))) }
  }

  private static func histogram(_ tag: String, _ counts: [Int]) -> EventValue {
    EventValue(tag: tag, content: .histogram(BinnedHistogram(counts)))
  }

  private static func latentHistogram(
    _ tag: String, _ counts: [Int], range: Double?
  ) -> EventValue {
    let end = range ?? Double(ConfidenceGrid(.e2m1).latentRange)
    return EventValue(
      tag: tag, content: .histogram(BinnedHistogram(counts, in: -end...end)))
  }

  private static func layer(_ tag: String, _ line: JSONLine) -> [EventValue] {
    guard case .string(let name)? = line["name"] else { return [] }
    var values: [EventValue] = []
    if case .integers(let counts)? = line["histogram"] {
      values.append(histogram("\(tag)/\(name)", counts))
    }
    if let mean = line["mean"].flatMap({ scalar("\(tag)_mean/\(name)", $0) }) {
      values.append(mean)
    }
    return values
  }
}
