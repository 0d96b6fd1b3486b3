import Files

/// What a run writes of itself in `metrics.jsonl`: the one list of keys. Whoever writes, reads, draws or documents them asks
/// this.
///
/// Numbers that remedies report have keys of their own and are none of these.
package enum Metric: String, CaseIterable, Sendable {
  case trainLoss = "train_loss"
  case learningRate = "learning_rate"
  case imagesPerSecond = "images_per_second"
  case loaderWaitShare = "loader_wait_share"
  case evalLoss = "eval_loss"
  case evalTop1 = "eval_top1"
  case evalTop5 = "eval_top5"
  case evalAverageLoss = "eval_average_loss"
  case evalAverageTop1 = "eval_average_top1"
  case evalAverageTop5 = "eval_average_top5"
  case weightRate = "rate_of_change_weight"
  case quantizedWeightRate = "rate_of_change_quantized_weight"
  case outputRate = "rate_of_change_output"
  case fullInputOutputRate = "rate_of_change_output_full_inputs"
  case inputRate = "rate_of_change_input"
  case quantizedInputRate = "rate_of_change_quantized_input"
  case inputFlips = "input_flip_share"
  case wholeWeightRate = "rate_of_change_weight_whole"
  case wholeQuantizedWeightRate = "rate_of_change_quantized_weight_whole"
  case oscillatingShare = "oscillating_share"
  case confidence = "quantization_confidence"
  case flips = "flips_per_step"
  case scaleFlips = "scale_flips_per_step"
  case latentRange = "latent_range"
  case statisticsSteps = "statistics_steps"
  case statisticsSeconds = "statistics_seconds"
  case confidenceHistogram = "confidence_histogram"
  case latentHistogram = "latent_histogram"
  case ratioPercentiles = "oscillation_ratio_percentiles"
  case saturation = "saturation"
  case underflow = "underflow"
  case layerInputRates = "rate_of_change_input_layers"
  case layerQuantizedInputRates = "rate_of_change_quantized_input_layers"
  case layerInputFlips = "input_flip_share_layers"
  case layers = "confidence_layers"
  case trajectories = "trajectories"

  /// What its value is, and within which bounds a run can have written it.
  package enum Kind: Sendable, Equatable {
    /// A number from 0 to 100, to 1, or to whatever there is.
    case percent, share, magnitude
    /// Counts a bin.
    case histogram
    /// Numbers by quantizer or percentile.
    case map
    /// What is said of each quantized layer, and the paths of single weights.
    case layers, trajectories
  }

  /// What its value is.
  package var kind: Kind {
    switch self {
    case .evalTop1, .evalTop5, .evalAverageTop1, .evalAverageTop5: .percent
    case .loaderWaitShare, .oscillatingShare, .confidence, .inputFlips: .share
    case .confidenceHistogram, .latentHistogram: .histogram
    case .ratioPercentiles, .saturation, .underflow, .layerInputRates, .layerQuantizedInputRates,
      .layerInputFlips:
      .map
    case .layers: .layers
    case .trajectories: .trajectories
    default: .magnitude
    }
  }

  /// Whether it is one number.
  package var isNumber: Bool { [.percent, .share, .magnitude].contains(kind) }

  /// What it is, in a few words, with the unit in which it is shown.
  package var title: String { name + (unit.map { ", \($0)" } ?? "") }

  /// The unit in which it is shown; nil for plain numbers.
  package var unit: String? {
    switch kind {
    case .percent: "%"
    case .share where factor == 100: "%"
    case .magnitude where factor == 1000: "‰"
    default: nil
    }
  }

  /// What it is, in a few words.
  private var name: String {
    switch self {
    case .trainLoss: "Training loss"
    case .learningRate: "Learning rate"
    case .imagesPerSecond: "Images a second"
    case .loaderWaitShare: "Time spent waiting for images"
    case .evalLoss: "Test loss"
    case .evalTop1: "Top-1 accuracy"
    case .evalTop5: "Top-5 accuracy"
    case .evalAverageLoss: "Test loss of the averaged weights"
    case .evalAverageTop1: "Top-1 accuracy of the averaged weights"
    case .evalAverageTop5: "Top-5 accuracy of the averaged weights"
    case .weightRate: "r(W): change of the weights a step"
    case .quantizedWeightRate: "r(W_Q): change of the quantized weights a step"
    case .outputRate: "r(Y): change of the output a step"
    case .fullInputOutputRate: "r(Y) without Q1"
    case .inputRate: "r(X): change of inputs a step"
    case .quantizedInputRate: "r(X_Q): change of quantized inputs a step"
    case .inputFlips: "Inputs whose quantized value changes, a step"
    case .layerInputRates: "r(X) of each layer"
    case .layerQuantizedInputRates: "r(X_Q) of each layer"
    case .layerInputFlips: "Share of each layer's inputs whose quantized value changes, a step"
    case .wholeWeightRate: "r(W) of all weights as one vector"
    case .wholeQuantizedWeightRate: "r(W_Q) of all weights as one vector"
    case .oscillatingShare: "Share of weights with R_w > 16"
    case .confidence: "Mean quantization confidence"
    case .flips: "Weights whose quantized value changes, a step"
    case .scaleFlips: "Groups whose scale changes, a step"
    case .latentRange: "The end of the latent weights' histogram, in scales"
    case .statisticsSteps: "Steps of the window"
    case .statisticsSeconds: "Seconds that the statistics took"
    case .confidenceHistogram: "Weights in each twentieth of confidence"
    case .latentHistogram: "Weights by their group's scale"
    case .ratioPercentiles: "R_w at the 50th, 90th, 99th percentile and the largest"
    case .saturation: "Share of elements that each quantizer clips"
    case .underflow: "Share of elements that each quantizer turns into zeros"
    case .layers: "Confidence and oscillating share of each layer"
    case .trajectories: "Paths of single weights"
    }
  }

  /// Which of two numbers is the better one.
  package enum Direction: String, Sendable {
    /// The higher, as of an accuracy; the lower, as of a loss.
    case higher, lower
  }

  /// Which of two numbers is the better one; nil for what is neither good nor bad.
  package var better: Direction? {
    switch self {
    case .evalTop1, .evalTop5, .evalAverageTop1, .evalAverageTop5, .imagesPerSecond: .higher
    case .trainLoss, .evalLoss, .evalAverageLoss, .loaderWaitShare, .statisticsSeconds: .lower
    default: nil
    }
  }

  /// By what its number is multiplied where it is shown in the title's unit.
  package var factor: Double {
    switch self {
    case .loaderWaitShare, .oscillatingShare, .inputFlips: 100
    case .weightRate, .quantizedWeightRate, .outputRate, .fullInputOutputRate, .inputRate,
      .quantizedInputRate, .wholeWeightRate, .wholeQuantizedWeightRate:
      1000
    default: 1
    }
  }

  /// Whether it is drawn on a logarithmic axis, as in the paper's Figure 2.
  package var isLogarithmic: Bool { factor == 1000 }

  /// By what name TensorBoard shows it; the part before the slash is the group of its chart. Members of maps and layers
  /// stand behind theirs. Nil for trajectories, which are tables.
  package var tag: String? {
    switch self {
    case .trainLoss: "train/loss"
    case .learningRate, .imagesPerSecond, .loaderWaitShare: "train/\(rawValue)"
    case .evalLoss: "eval/loss"
    case .evalTop1: "eval/top1"
    case .evalTop5: "eval/top5"
    case .evalAverageLoss: "eval_average/loss"
    case .evalAverageTop1: "eval_average/top1"
    case .evalAverageTop5: "eval_average/top5"
    case .confidenceHistogram: "confidence/all"
    case .latentHistogram: "latent/all"
    case .ratioPercentiles, .saturation, .underflow, .layerInputRates, .layerQuantizedInputRates,
      .layerInputFlips:
      rawValue
    case .layers: "confidence"
    case .trajectories: nil
    default: "oscillation/\(rawValue)"
    }
  }
}

extension Metric {
  /// Of some things that have a number of the metric, the one whose number is the best; nil of none, and where no number
  /// is better than another.
  package func best<Thing>(of things: [Thing], by number: (Thing) -> Double) -> Thing? {
    guard let better else { return nil }
    return things.max {
      better == .higher ? number($0) < number($1) : number($0) > number($1)
    }
  }
}

extension JSONLine {
  mutating func add(_ metric: Metric, _ value: Double) { add(metric.rawValue, value) }
  mutating func add(_ metric: Metric, _ value: Float) { add(metric.rawValue, value) }
  mutating func add(_ metric: Metric, _ value: Int) { add(metric.rawValue, value) }
  mutating func add(_ metric: Metric, _ counts: [Int]) { add(metric.rawValue, counts) }
  mutating func add(_ metric: Metric, _ map: JSONLine) { add(metric.rawValue, map) }
  mutating func add(_ metric: Metric, _ objects: [JSONLine]) { add(metric.rawValue, objects) }
}

extension [MetricsRecord] {
  /// A metric's mean over the lines of the second half of `steps` that have it; nil without any.
  package func lateMean(_ metric: Metric, steps: Int) -> Double? {
    let values = compactMap { 2 * $0.step > steps ? $0[metric] : nil }
    return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }
}
