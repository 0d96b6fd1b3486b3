import Files
import Foundation
import Training
import VisionModels

/// The report: one page of HTML that needs nothing from elsewhere.
package struct ReportPage {
  private let groups: [RunGroup]
  private let title: String
  private let options: Options
  private let differences: DifferencesSection?

  /// What a reader may choose.
  package struct Options: Sendable {
    /// The epochs whose distributions are drawn over each other; empty for the first window, the middle and the end.
    package var epochs: [Double] = []
    /// The quantized layer whose confidence is drawn, with or without ".weight"; nil for the least confident one of
    /// the first recipe.
    package var layer: String?
    /// What recipes are called, by the path of any of their runs; others by what tells them apart.
    package var names: [String: String] = [:]
    /// The recipe that differences are taken to, as for `Differences.all`; nil for none.
    package var baseline: String?

    /// The defaults.
    package init() {}
  }

  /// A page on runs.
  ///
  /// - Throws: `LayerChoiceError` where no run has the layer; `BaselineError`.
  package init(_ runs: [RunRecord], title: String, options: Options = Options()) throws {
    groups = RunGroup.grouped(runs, names: options.names)
    self.title = title
    self.options = options
    let groups = groups
    differences = try options.baseline.flatMap {
      DifferencesTable(try Differences.all(groups, from: $0), baseline: $0)
    }.map(DifferencesSection.init)
    guard let layer = options.layer else { return }
    let names = groups.flatMap(\.windows).flatMap { $0.layers.map(\.shortName) }
    guard names.contains(MetricsRecord.Layer.shortName(layer)) else {
      var seen: Set<String> = []
      throw LayerChoiceError(name: layer, known: names.filter { seen.insert($0).inserted })
    }
  }

  /// The page.
  package var html: String {
    let body = [
      header, section("Side by side", comparison, note: Self.comparisonNote),
      section("Seed by seed", differences?.html ?? "", note: differences?.note ?? ""),
      section("Training", curves(Self.trainingCharts)),
      section("Oscillation", curves(Self.oscillationCharts), note: Self.oscillationNote),
      section("Oscillating weights", trajectories, note: Self.trajectoryNote),
      section(
        "Where weights lie", DistributionSection(groups: groups, options: options).html,
        note: DistributionSection.note),
      section("Layer by layer", heatMaps, note: Self.heatNote),
      section(
        "Inputs of layers", InputSection(groups: groups).html, note: InputSection.note),
      section("What quantizers lose", losses, note: Self.lossesNote),
      section(
        "Bias and variance of gradients", GradientSection(groups: groups).html,
        note: GradientSection.note),
      section(
        "Where the models err", EvaluationSection(groups: groups).html, note: EvaluationSection.note
      ),
      section("The runs", runs),
    ]
    return "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
      + "<meta name='viewport' content='width=device-width, initial-scale=1'>"
      + "<meta name='generator' content='TetraJet \(Version.current)'>"
      + "<title>\(escaped(title))</title><style>\(PageStyle.css)</style></head>"
      + "<body><main>\(body.joined(separator: "\n"))</main>"
      + "<div id='readout' role='status'></div><script>\(PageStyle.script)</script></body></html>\n"
  }

  /// A section; nothing where it has no content.
  private func section(_ title: String, _ content: String, note: String = "") -> String {
    if content.isEmpty { return "" }
    let note = note.isEmpty ? "" : "<p class='note'>\(note)</p>"
    return "<section><h2>\(escaped(title))</h2>\(note)\(content)</section>"
  }

  // MARK: - What was trained

  private var header: String {
    let runs = groups.flatMap(\.runs)
    let models = Set(runs.map(model)).sorted().joined(separator: "; ")
    let data = Set(runs.compactMap { $0.settings["data.path"] }).sorted().joined(separator: ", ")
    let machines = Set(
      runs.compactMap(\.summary).map { "\(counted($0.threads, "thread")), \($0.isa)" }
    ).sorted().joined(separator: "; ")
    let facts = [
      ("runs", "\(runs.count), recipes: \(groups.count)"), ("model", models), ("data", data),
      (
        "epochs",
        Set(runs.compactMap(\.plannedEpochs)).sorted().map(String.init).joined(separator: ", ")
      ),
      ("machine", machines),
    ].filter { !$0.1.isEmpty }
    let list = facts.map { "<div><dt>\($0.0)</dt><dd>\(escaped($0.1))</dd></div>" }.joined()
    let warnings =
      runs.flatMap { run in run.notes.map { "\(run.name): \($0)" } } + groups.flatMap(\.notes)
    let notes =
      warnings.isEmpty
      ? ""
      : "<ul class='warnings'>"
        + warnings.map { "<li>\(escaped($0))</li>" }.joined() + "</ul>"
    return "<header><h1>\(escaped(title))</h1><dl>\(list)</dl>\(notes)</header>" + legend
  }

  private func model(_ run: RunRecord) -> String {
    let settings = run.settings
    let size = settings["model.image_size"].map { "\($0) px" }
    let family = settings["model.architecture"].flatMap(Architecture.init)?.family
    let sizes = family.map { family in
      [family.title]
        + (["width"] + family.sizes.map(\.key)).map { key in
          "\(key.replacing("_", with: " ")) \(settings["model.\(key)"] ?? "?")"
        }
    }
    let parameters = run.summary.map { "\($0.parameters) parameters" }
    return ((sizes ?? []) + [size, parameters].compactMap { $0 }).joined(separator: ", ")
  }

  /// One legend for the whole page: colours stand for recipes.
  private var legend: String {
    "<ul class='legend'>"
      + groups.enumerated().map { index, group in
        legendEntry(group.label, index)
      }.joined() + "</ul>"
  }

  private var comparison: String {
    let comparison = Comparison(groups)
    let head = ComparisonTable.header.map { "<th>\(escaped($0))</th>" }.joined()
    let rows = comparison.rows.enumerated().map { index, row in
      let cells = ComparisonTable.cells(row).enumerated().map { column, cell in
        column == 0
          ? "<th><span class='key \(colorClass(index))'></span>\(escaped(cell))</th>"
          : "<td>\(escaped(cell))</td>"
      }
      return "<tr\(row.isBest ? " class='best'" : "")>\(cells.joined())</tr>"
    }
    let folders = comparison.rows.map { row in
      let names = row.folders.map { folder in
        escaped(folder.path) + (folder.isCounted ? "" : " (not counted)")
      }
      return "<li>\(escaped(row.label)): \(names.joined(separator: ", "))</li>"
    }
    return "<div class='scroll'><table><thead><tr>\(head)</tr></thead>"
      + "<tbody>\(rows.joined())</tbody></table></div>"
      + "<details><summary>Which folders are in which row</summary><ul>\(folders.joined())</ul></details>"
  }

  private static let comparisonNote =
    "Mean ± standard deviation over runs that differ by seed only; of the same seed twice, one counts. * the highest top-1; "
    + "≈ not significantly lower (Welch's t-test, p ≥ 0.05). Where there is a single seed, nothing is known about noise."

  // MARK: - Curves

  private static let trainingCharts: [Metric] = [
    .trainLoss, .evalLoss, .evalTop1, .learningRate, .imagesPerSecond, .loaderWaitShare,
  ]

  private static let oscillationCharts: [Metric] = [
    .weightRate, .quantizedWeightRate, .outputRate, .fullInputOutputRate, .inputRate,
    .quantizedInputRate, .inputFlips, .oscillatingShare, .confidence, .flips,
  ]

  private static let oscillationNote =
    "Each over windows of steps. The latent weights move less and less as the learning rate falls; what is multiplied are "
    + "their quantized values, which go on moving where weights lie near a threshold. R_w is the way a quantized weight goes "
    + "in a window by the way its latent weight goes."

  private func curves(_ wanted: [Metric]) -> String {
    charts(
      wanted.map { metric in
        LineChart(
          title: metric.title, xLabel: "epoch",
          curves: groups.enumerated().compactMap { index, group in
            let points = group.series(metric).map {
              SeriesPoint(
                x: $0.x, y: $0.y * metric.factor, low: $0.low * metric.factor,
                high: $0.high * metric.factor)
            }
            return points.isEmpty
              ? nil : LineChart.Curve(name: group.label, color: index, points: points)
          }, includesZero: metric == .loaderWaitShare, isLogarithmic: metric.isLogarithmic
        ).html
      })
  }

  // MARK: - Single weights

  private static let trajectoryNote =
    "Of each recipe's first run the watched weight whose code flips most often: the latent weight by its group's scale "
    + "(thin), the value of its code (steps), thresholds between values dashed. Where the scale itself changes, both "
    + "jump; that is no flip, and not counted."

  private var trajectories: String {
    charts(
      groups.enumerated().map { index, group in
        let paths = group.windows.flatMap(\.trajectories).filter { $0.latent.count > 1 }
        // Of equally lively ones the latest: oscillation grows towards the end.
        guard
          let path = paths.enumerated().max(by: {
            ($0.element.codeFlips, $0.offset) < ($1.element.codeFlips, $1.offset)
          })?.element
        else { return "" }
        func points(_ values: [Double]) -> [SeriesPoint] {
          values.indices.map { step in
            let y = path.scaled(values[step], at: step)
            return SeriesPoint(x: Double(step), y: y, low: y, high: y)
          }
        }
        let (latent, quantized) = (points(path.latent), points(path.quantized))
        let all = (latent + quantized).map(\.y)
        let (low, high) = ((all.min() ?? 0) - 0.3, (all.max() ?? 0) + 0.3)
        return LineChart(
          title: "\(group.label): \(path.name) [\(path.row), \(path.column)], "
            + "code flips in \(path.latent.count - 1) steps: \(path.codeFlips)",
          xLabel: "step of the window",
          curves: [
            LineChart.Curve(name: "quantized", color: index, points: quantized, isStepped: true),
            LineChart.Curve(name: "latent", color: inkColor, points: latent),
          ], showsLegend: true, thresholds: group.thresholds.filter { (low...high).contains($0) }
        ).html
      })
  }

  // MARK: - Layers and quantizers

  private static let heatNote =
    "Mean confidence, and the share of weights with R_w > 16, of every quantized tensor in each recipe's first run."

  private var heatMaps: String {
    charts(
      groups.flatMap { group in
        let windows = group.windows.filter { !$0.layers.isEmpty }
        guard let names = windows.first?.layers.map(\.name) else { return [String]() }
        func map(_ title: String, _ value: (MetricsRecord.Layer) -> Double?) -> String {
          HeatMap(
            title: "\(group.label): \(title)",
            rows: names.map(MetricsRecord.Layer.shortName),
            columns: windows.map { fixed(group.epochs($0), 1) },
            values: names.map { name in
              windows.map { $0.layers.first { $0.name == name }.flatMap(value) }
            }, xLabel: "epoch"
          ).html
        }
        return [
          map("mean confidence") { $0.confidence },
          map("% with R_w > 16") { $0.oscillatingShare.map { $0 * 100 } },
        ]
      })
  }

  private static let lossesNote =
    "Shares of elements that a quantizer clips (saturation) and turns into zeros (underflow) in the last step of the last "
    + "window, first run, in %. Q1, Q2: inputs and weights forward; Q3 to Q6: the operands of the two products backward."

  private var losses: String {
    let operands = (1...6).map { "q\($0)" }
    let rows = groups.enumerated().flatMap { index, group -> [String] in
      guard let window = group.windows.last(where: { $0.map(.saturation) != nil }) else {
        return []
      }
      return [Metric.saturation, .underflow].compactMap { metric in
        guard let shares = window.map(metric), !shares.isEmpty else { return nil }
        let cells = operands.map { operand in
          "<td>\(shares[operand].map { fixed(100 * $0, 2) } ?? "-")</td>"
        }
        return "<tr><th><span class='key \(colorClass(index))'></span>"
          + "\(escaped(group.label)), \(metric.rawValue)</th>\(cells.joined())</tr>"
      }
    }
    if rows.isEmpty { return "" }
    let head = operands.map { "<th>\($0.uppercased())</th>" }.joined()
    return "<div class='scroll'><table><thead><tr><th>recipe</th>\(head)</tr></thead>"
      + "<tbody>\(rows.joined())</tbody></table></div>"
  }

  // MARK: - Each run

  private var runs: String {
    groups.flatMap(\.runs).map { run in
      let facts =
        run.summary.map { summary in
          [
            "top-1 \(fixed(summary.evalTop1, 2)) %, best \(fixed(summary.bestTop1, 2)) %",
            "\(fixed(summary.imagesPerSecond, 0)) images/s",
            "peak memory \(fixed(summary.peakMemoryMB, 0)) MiB",
            "\(fixed(summary.seconds, 0)) s",
            "\(counted(summary.threads, "thread")), \(summary.isa)",
            "engine \(summary.engine)",
          ] + (summary.version.map { ["TetraJet \($0)"] } ?? [])
            + (summary.skippedImages > 0 ? ["images skipped: \(summary.skippedImages)"] : [])
        } ?? []
      let lines = (run.notes + facts).map { "<li>\(escaped($0))</li>" }.joined()
      let recipe =
        run.recipeText.isEmpty
        ? "" : "<pre>\(escaped(run.recipeText))</pre>"
      return "<details><summary>\(escaped(run.name)): \(escaped(run.method))"
        + "\(run.seed.map { ", seed \($0)" } ?? "")</summary><ul>\(lines)</ul>\(recipe)</details>"
    }.joined()
  }
}
