import Files
import Reports
import Training

extension FuzzTarget {
  /// Run folders: metrics, summary and recipe in one file, parted by lines of their own; read, compared, drawn, and taken
  /// back to a step as for a resume.
  static func runs(in folder: String) throws -> FuzzTarget {
    let run = "\(folder)/run"
    try makeFolder(run)
    return FuzzTarget(
      name: "runs", seeds: runSeeds.map { Array($0.utf8) }, tokens: runTokens,
      path: "\(folder)/run.parts", tables: 1 << 20
    ) { bytes in
      let parts = split(bytes)
      for (index, name) in runFiles.enumerated() {
        try write("\(run)/\(name)", index < parts.count ? Array(parts[index]) : [])
      }
      let record = try RunRecord(path: run)
      let groups = RunGroup.grouped([record, record])
      let comparison = Comparison(groups)
      _ = comparison.rows.map { Comparison.line($0).text }
      for width in [nil, 80, 40] { _ = ComparisonTable(comparison).text(width: width) }
      _ = try ReportPage([record], title: "fuzz").html
      try tolerating { try MetricsFile.rewind("\(run)/metrics.jsonl", toStep: 20) }
      guard record.notes.isEmpty else { throw DamagedRun(note: record.notes[0]) }
    }
  }

  private static let runFiles = ["metrics.jsonl", "summary.json", "recipe.yaml", "evaluation.json"]
  private static let separator = Array("\n%%%\n".utf8)

  /// The parts of a file between lines of three percent signs.
  private static func split(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
    var parts: [ArraySlice<UInt8>] = []
    var rest = bytes[...]
    while parts.count < runFiles.count - 1, let found = rest.firstRange(of: separator) {
      parts.append(rest[..<found.lowerBound])
      rest = rest[found.upperBound...]
    }
    return parts + [rest]
  }

  private static let runSeeds = [metricsWithWindows, metricsOfTwoEpochs].map {
    [$0, summary, recipe, evaluation].joined(separator: "\n%%%\n")
  }

  private static let metricsOfTwoEpochs = """
    {"step": 10, "epoch": 0, "train_loss": 2.5, "learning_rate": 0.001, "images_per_second": 812.5, "loader_wait_share": 0.02}
    {"step": 20, "epoch": 0, "train_loss": 2.25, "eval_top1": 41.5, "eval_top5": 80, "eval_loss": 2.0, "weights_sha256": "ab"}
    {"step": 30, "epoch": 1, "train_loss": 2.0, "eval_average_top1": 40, "rate_of_change_output": null}
    """

  private static let metricsWithWindows = """
    {"step": 20, "epoch": 0, "train_loss": 2.25, "eval_top1": 41.5, "eval_loss": 2.0, "statistics_steps": 3, \
    "rate_of_change_weight": 0.0012, "rate_of_change_quantized_weight": 0.0081, "quantization_confidence": 0.51, \
    "oscillating_share": 0.01, "flips_per_step": 21.5, "oscillation_ratio_percentiles": {"50": 0, "100": 91.5}, \
    "confidence_histogram": [3, 4, 5], "latent_histogram": [1, 2, 3, 1], "saturation": {"q1": 0, "q2": 0.25}, \
    "underflow": {"q1": 0.125}, "confidence_layers": [{"name": "blocks.0.attn.qkv.weight", "mean": 0.5, \
    "oscillating_share": 0.1, "histogram": [1, 2]}, {"name": "b", "mean": null}], \
    "trajectories": [{"name": "blocks.0.mlp.fc1.weight", "row": 7, "column": 31, "latent": [0.11, 0.13, 0.11], \
    "quantized": [0.125, 0.1875, 0.125], "scale_exponent": [-4, -4, -3], "code": [4, 5, 3]}]}
    {"step": 40, "epoch": 1, "eval_top1": 43, "quantization_confidence": 0.5, "confidence_histogram": [4, 4, 4]}
    """

  private static let summary = """
    {"method": "tetrajet", "engine": "packed", "eval_top1": 43, "eval_top5": 81.25, "eval_loss": 1.75, "best_top1": 43, \
    "images_per_second": 812.5, "peak_memory_mb": 38.5, "seconds": 12.5, "parameters": 1234, "seed": 4, "epochs": 2, \
    "steps": 40, "skipped_images": 1, "skipped_names": ["a.png"], "threads": 2, "isa": "avx2"}
    """

  private static let evaluation = """
    {"step": 40, "images": 5, "eval_top1": 60, "eval_loss": 1.75, "classes": [{"class": "a", "images": 3, "hits": 2, \
    "predictions": 3, "top1": 66.7, "loss": 1}, {"class": "b", "images": 2, "hits": 1, "predictions": 2}], \
    "confusions": [{"class": "a", "predicted": "b", "images": 1}, {"class": "b", "predicted": "a", "images": 1}], \
    "worst_images": [{"image": "a/1.png", "class": "a", "predicted": "b", "loss": 3.5, "probability": 0.9, \
    "class_probability": 0.03, "picture": "iVBORw0KGgo="}]}
    """

  private static let recipe = """
    method: tetrajet
    seed: 4
    data: {path: x}
    training: {epochs: 2}
    quantizers:
      q1: {scale: floor}
    """

  private static let runTokens = [
    "\n", "\n%%%\n", "{", "}", "[", "]", ",", ":", "\"", "null", "true", "NaN", "-Infinity",
    "1.7e308",
    "-1.7e308", "5e-324", "1e999", "-2000", "0.5", "-1", "9223372036854775807", "\"step\": ",
    "\"step\": 40,", "\"epoch\": ", "\"train_loss\": 0,", "\"trajectories\": [],",
    "\"eval_top1\": 100,",
    "\"confidence_layers\": [],", "\"latent_histogram\": [1],",
    "\"scale_exponent\": [-127, 127, 0]", "\"scale\": [0, 1, 1e99], \"scale_byte\": [0, 255, 3]",
    "\"latent\": [1e99, -1e99, 0]", "\"seed\": ", "\"method\": \"", "<b>", "\\u0000", "\u{202E}",
    "\"class\": \"b\"", "\"images\": ", "\"confusions\": [],", "\"picture\": \"'><b>\"",
    "training:\n  epochs: 9223372036854775807\n", "quantizers: {q5: {enabled: false}}\n",
    String(repeating: "[", count: 600), String(repeating: "{\"a\":", count: 300),
  ]
}

/// A run folder in which something was left out.
private struct DamagedRun: ReportableError {
  let note: String
  var category: ErrorCategory { .badData }
  var description: String { oneLine(note) }
}
