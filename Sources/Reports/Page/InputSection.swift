import Foundation
import Training

/// How inputs of quantized layers and their codes move, layer by layer (`statistics.inputs`).
struct InputSection {
  let groups: [RunGroup]

  static let note =
    "Of each recipe's first run, on the fixed batch: the share of inputs whose quantized value changes in a step, in %, and how "
    + "many times as far as the inputs themselves their quantized values go. What r(Y) without Q1 leaves of r(Y) is not the "
    + "activations' doing."

  var html: String {
    charts(
      groups.flatMap { group in
        let windows = group.windows.filter { $0.map(.layerInputFlips)?.isEmpty == false }
        let found = Set(windows.flatMap { $0.map(.layerInputFlips)?.keys.map { $0 } ?? [] })
        if found.isEmpty { return [String]() }
        // In the order of the data, where the run says it.
        let order = (windows.last?.layers ?? []).map(\.shortName)
        let names =
          order.filter(found.contains)
          + found.subtracting(order).sorted {
            $0.compare($1, options: .numeric) == .orderedAscending
          }
        func map(_ title: String, _ value: (MetricsRecord, String) -> Double?) -> String {
          HeatMap(
            title: "\(group.label): \(title)", rows: names,
            columns: windows.map { fixed(group.epochs($0), 1) },
            values: names.map { name in windows.map { value($0, name) } }, xLabel: "epoch"
          ).html
        }
        return [
          map("% of inputs that flip") { $0.map(.layerInputFlips)?[$1].map { 100 * $0 } },
          map("r(X_Q) / r(X)") { window, name in
            guard let exact = window.map(.layerInputRates)?[name], exact > 0 else { return nil }
            return window.map(.layerQuantizedInputRates)?[name].map { $0 / exact }
          },
        ]
      })
  }
}
