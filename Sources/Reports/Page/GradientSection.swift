import Training

/// How means of more and more draws of the gradient approach the exact one.
struct GradientSection {
  let groups: [RunGroup]

  static let note =
    "Of each run of which 'tetrajet trace RUN --repeat K' was asked: how far the mean of so many draws of the gradient lies from "
    + "the exact one, that of the forward pass straight through its quantizers, by its norm. Means of an unbiased gradient fall "
    + "by the root of their number, as the black line does; where they stop falling, what is left is a bias. By tensor, those that lie "
    + "farthest off at the end."

  /// Of more tensors, curves could not be told apart.
  private static let mostTensors = 8

  var html: String {
    charts(
      groups.flatMap(\.runs).flatMap { run -> [String] in
        guard let methods = run.gradients?.methods, !methods.isEmpty else { return [] }
        let whole = methods.enumerated().compactMap { index, entry in
          entry.tensors.last.map { curve($0, name: entry.label, color: index) }
        }
        let noise = methods.compactMap(\.tensors.last)
          .max { ($0.deviation ?? 0) < ($1.deviation ?? 0) }
        return [chart("\(run.name): the whole gradient", whole + (noise.map { [slope($0)] } ?? []))]
          + methods.map { entry in
            let ranked = entry.tensors.dropLast().filter { $0.tensor.hasSuffix(".weight") }
              .sorted { last($0) > last($1) }
              .prefix(Self.mostTensors)
            return chart(
              "\(run.name): \(entry.label), by tensor",
              ranked.enumerated().map { index, found in
                curve(
                  found, name: MetricsRecord.Layer.shortName(found.tensor), color: index)
              })
          }
      })
  }

  /// How far the mean of all draws lies off.
  private func last(_ curve: GradientStudy.Curve) -> Double {
    (curve.errors.last ?? nil).flatMap { $0.isFinite ? $0 : nil } ?? 0
  }

  private func chart(_ title: String, _ curves: [LineChart.Curve]) -> String {
    LineChart(
      title: title, xLabel: "draws", curves: curves, isLogarithmic: true, hasLogarithmicX: true,
      showsLegend: true
    ).html
  }

  private func curve(_ curve: GradientStudy.Curve, name: String, color: Int) -> LineChart.Curve {
    LineChart.Curve(
      name: name, color: color,
      points: zip(curve.draws, curve.errors).map { point(Double($0), $1 ?? .nan) })
  }

  /// What means of the noisiest method's draws would be without a bias.
  private func slope(_ curve: GradientStudy.Curve) -> LineChart.Curve {
    LineChart.Curve(
      name: "unbiased", color: inkColor,
      points: curve.draws.map {
        point(Double($0), (curve.deviation ?? .nan) / Double($0).squareRoot())
      })
  }

  private func point(_ x: Double, _ y: Double) -> SeriesPoint {
    SeriesPoint(x: x, y: y, low: y, high: y)
  }
}
