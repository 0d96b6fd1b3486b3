import Training

/// The part of the page on where weights lie between the thresholds of their grid.
struct DistributionSection {
  let groups: [RunGroup]
  let options: ReportPage.Options

  static let note =
    "Above, each recipe's first run at the last window, all weights and those of one layer. Below, each recipe over training. "
    + "Confidence: the distance to the nearest threshold, 0 on it, 1 in the middle of a bin."

  var html: String {
    let (confidence, latent) = (Metric.confidenceHistogram, Metric.latentHistogram)
    var together = [
      HistogramChart(
        title: "Quantization confidence at the end, % of weights", xLabel: "confidence",
        distributions: last { distribution(of: $0, confidence, $1) }),
      HistogramChart(
        title: "Latent weights by their group's scale at the end, % of weights", xLabel: "w / S",
        distributions: last { distribution(of: $0, latent, $1) }),
    ]
    if let layer = options.layer.map(MetricsRecord.Layer.shortName) ?? leastConfidentLayer {
      together.append(
        HistogramChart(
          title: "Confidence of \(layer) at the end, % of its weights", xLabel: "confidence",
          distributions: last { window, _ in
            (window.layers.first { $0.shortName == layer }?.histogram ?? [], 0...1)
          }))
    }
    let each = groups.enumerated().flatMap { index, group in
      [(confidence, "confidence"), (latent, "w / S")].map { metric, label in
        HistogramChart(
          title: "\(group.label): \(label) over training, % of weights", xLabel: label,
          distributions: overTraining(group, metric), showsLegend: true
        ).html
      }
    }
    return charts(together.map(\.html) + each)
  }

  /// Of the first recipe that says anything of layers, the one whose weights lie nearest to thresholds at the end.
  private var leastConfidentLayer: String? {
    let layers = groups.lazy.compactMap { $0.windows.last?.layers }.first { !$0.isEmpty } ?? []
    return layers.min { ($0.confidence ?? 1) < ($1.confidence ?? 1) }?.shortName
  }

  /// Counts and their range.
  private func distribution(
    of window: MetricsRecord, _ metric: Metric, _ group: RunGroup
  ) -> (counts: [Double], range: ClosedRange<Double>) {
    let counts = window.histogram(metric) ?? []
    guard metric == .latentHistogram else { return (counts, 0...1) }
    let end = window[.latentRange].flatMap { $0 > 0 ? $0 : nil } ?? group.latentRange
    return (counts, -end...end)
  }

  private func last(
    _ distribution: (MetricsRecord, RunGroup) -> (counts: [Double], range: ClosedRange<Double>)
  ) -> [HistogramChart.Distribution] {
    groups.enumerated().compactMap { index, group in
      group.windows.last.map {
        let (counts, range) = distribution($0, group)
        return HistogramChart.Distribution(
          name: group.label, color: index, counts: counts, range: range)
      }
    }
  }

  private func overTraining(_ group: RunGroup, _ metric: Metric) -> [HistogramChart.Distribution] {
    let windows = group.windows.filter { $0.histogram(metric) != nil }
    guard let first = windows.first, windows.count > 1 else { return [] }
    let middle = windows[windows.count / 2]
    var chosen = windows.count > 2 ? [first, middle, windows[windows.count - 1]] : windows
    if !options.epochs.isEmpty {
      chosen = options.epochs.sorted().compactMap { epoch in
        windows.min { abs(group.epochs($0) - epoch) < abs(group.epochs($1) - epoch) }
      }
      var seen: Set<Int> = []
      chosen = chosen.filter { seen.insert($0.step).inserted }
    }
    return chosen.enumerated().map { index, window in
      let (counts, range) = distribution(of: window, metric, group)
      return HistogramChart.Distribution(
        name: "epoch \(fixed(group.epochs(window), 1))", color: index, counts: counts,
        range: range)
    }
  }
}
