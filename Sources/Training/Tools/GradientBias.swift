import Files
import MXCompute
import MXLinear
import MXRuntime
import VisionModels

/// How a tensor's gradient, drawn several times, lies to the exact one g: that of the function which the forward pass
/// computed, passed straight through its quantizers (the paper's Eq. 8 and 9).
package struct GradientBias: Sendable {
  /// The tensor's name; "all tensors" of the whole gradient.
  package let tensor: String
  /// How many numbers it has.
  package let elements: Int
  /// ‖mean_k g_k − g‖ / ‖g‖.
  package let bias: Double
  /// √(Σ_k ‖g_k − mean‖² / (K − 1)) / ‖g‖, the relative standard deviation of one draw.
  package let deviation: Double
  /// deviation / √K: the root mean square of `bias` for an estimate without a bias.
  package let expectedBias: Double
  /// The cosine of the angle between mean_k g_k and g.
  package let cosine: Double
  /// The bias of the means of the first 1, 2, 4, … and of all draws: a slope of −1/2 on paper with two logarithmic axes is that of
  /// noise, a floor is a bias.
  package let means: [Mean]

  /// ‖mean of the first `draws` g_k − g‖ / ‖g‖.
  package struct Mean: Sendable, Equatable {
    package let draws: Int
    package let error: Double
  }

  /// Below this a difference is what single precision rounds, in whatever order an engine adds.
  static let precision = 1e-5

  /// Whether the bias is more than noise makes likely: twice what is expected of an unbiased estimate.
  package var isOutsideNoise: Bool { bias > max(2 * expectedBias, Self.precision) }

  /// All of it, for programs.
  package var line: JSONLine {
    var line = JSONLine()
    line.add("tensor", tensor)
    line.add("elements", elements)
    line.add("bias", bias)
    line.add("expected_bias", expectedBias)
    line.add("deviation", deviation)
    line.add("cosine", cosine)
    line.add("outside_noise", isOutsideNoise)
    line.add("draws", means.map(\.draws))
    line.add("errors", means.map(\.error))
    return line
  }
}

/// Draws the gradient of a traced step by K seeds and compares it, tensor by tensor, with the exact one: the same
/// forward pass, without the quantizers of the backward pass.
///
/// Beside the gradient and the exact one, the mean is kept, in double precision.
///
/// - Parameters:
///   - input: a file as for `traceStep`, or the folder of a run: its last weights, and `images` of its training images, as evaluation
///     shows them. In a run's folder the curves are kept for its report (`GradientStudy`).
///   - output: where `logits`, `loss`, `grad.<name>` (the mean) and `exact.<name>` are written; nil for nowhere.
///   - seed: the first seed; the others follow it.
///   - repeats: K, at least 2.
/// - Returns: one comparison a tensor, and one of the whole gradient at the end.
/// - Throws: as `traceStep`; `RecipeError` where the forward pass rounds at random, and so has no one gradient.
package func compareGradients(
  _ input: String, images: Int, output: OutputFile?, settings: [RecipeSetting], seed: UInt64,
  repeats: Int, on compute: any TrainingCompute
) throws -> [GradientBias] {
  precondition(repeats >= 2, "\(repeats) repeats")
  let isRun = RunDirectory.isRun(input)
  let step =
    try isRun
    ? TracedStep(run: input, images: images, settings: settings, seed: seed, compute)
    : TracedStep(input, settings: settings, seed: seed, compute)
  for operand in [Operand.q1, .q2] where step.recipe.linear[operand]?.rounding == .stochastic {
    throw RecipeError(
      key: "quantizers.\(operand.rawValue).rounding", found: "stochastic",
      expected:
        "nearest-even or nearest-away where gradients are compared: another forward pass has "
        + "another gradient")
  }
  let parameters = step.model.parameters.learned
  let exact = AlignedBuffer<Float>(count: parameters.count)
  let result = try step.run(
    VisionModel(
      step.recipe.model, recipe: step.recipe.linear.straightThrough, engine: step.recipe.engine),
    seed: step.seed, gradients: exact)

  let gradients = AlignedBuffer<Float>(count: parameters.count)
  var moments = GradientMoments(parameters, exact: exact)
  for number in 0..<repeats {
    _ = try step.run(step.model, seed: step.seed &+ UInt64(number), gradients: gradients)
    moments.add(gradients)
    let draws = number + 1
    if draws == repeats || draws.nonzeroBitCount == 1 { moments.noteMean() }
  }
  let comparisons = moments.comparisons
  if let output {
    moments.writeMean(to: gradients)
    try writeSafetensors(
      output,
      tensors: step.tensors(result) + parameters.tensors(of: gradients, prefix: "grad.")
        + parameters.tensors(of: exact, prefix: "exact."),
      metadata: step.model.configuration.metadata.merging([
        "seed": "\(step.seed)", "repeats": "\(repeats)",
      ]) { $1 })
  }
  if isRun {
    var study = GradientStudy(inRun: input)
    study.add(comparisons, label: step.recipe.quantizerLabel, images: step.count)
    try study.write(inRun: input)
  }
  return comparisons
}

/// The mean of gradients and how they scatter about it, one by one (Welford 1962).
struct GradientMoments {
  private let parameters: ParameterTable
  private let exact: AlignedBuffer<Float>
  private let mean: AlignedBuffer<Double>
  /// How far means lay off, of each tensor and at the end of all.
  private var means: [[GradientBias.Mean]]
  /// Σ_k ‖g_k − mean‖² of each tensor.
  private var scatter: [Double]
  private var count = 0

  /// None yet.
  init(_ parameters: ParameterTable, exact: AlignedBuffer<Float>) {
    (self.parameters, self.exact) = (parameters, exact)
    means = Array(repeating: [], count: parameters.entries.count + 1)
    mean = AlignedBuffer(count: parameters.count)
    scatter = parameters.entries.map { _ in 0 }
  }

  /// Takes another gradient in.
  mutating func add(_ gradients: AlignedBuffer<Float>) {
    count += 1
    let (mean, share) = (self.mean, 1 / Double(count))
    for (index, entry) in parameters.entries.enumerated() {
      var sum = 0.0
      for place in entry.range {
        let value = Double(gradients[place])
        let before = value - mean[place]
        mean[place] += before * share
        sum += before * (value - mean[place])
      }
      scatter[index] += sum
    }
  }

  /// Notes how far the means of now lie from the exact gradient.
  mutating func noteMean() {
    for (index, sums) in sums.enumerated() {
      means[index].append(GradientBias.Mean(draws: count, error: sums.error))
    }
  }

  /// Each tensor, and all of them, beside the exact gradient.
  var comparisons: [GradientBias] {
    let names = parameters.entries.map(\.name) + ["all tensors"]
    return zip(names, zip(sums, means)).map { name, found in
      found.0.comparison(name, draws: count, means: found.1)
    }
  }

  /// Of each tensor, and of all of them.
  private var sums: [Sums] {
    var all = Sums()
    let each = zip(parameters.entries, scatter).map { entry, scatter in
      var sums = Sums(elements: entry.count, scatter: scatter)
      for place in entry.range { sums.add(mean[place], exact: Double(exact[place])) }
      all.add(sums)
      return sums
    }
    return each + [all]
  }

  /// The mean in single precision.
  func writeMean(to gradients: AlignedBuffer<Float>) {
    for place in 0..<mean.count { gradients[place] = Float(mean[place]) }
  }

  /// Sums over the numbers of some tensors: of squares, and of products of the mean with the exact gradient.
  private struct Sums {
    var elements = 0
    var scatter = 0.0
    var difference = 0.0
    var mean = 0.0
    var exact = 0.0
    var product = 0.0

    mutating func add(_ value: Double, exact other: Double) {
      difference += (value - other) * (value - other)
      mean += value * value
      exact += other * other
      product += value * other
    }

    mutating func add(_ sums: Sums) {
      elements += sums.elements
      scatter += sums.scatter
      difference += sums.difference
      mean += sums.mean
      exact += sums.exact
      product += sums.product
    }

    /// ‖mean − exact‖ / ‖exact‖.
    var error: Double { difference.squareRoot() / exact.squareRoot() }

    func comparison(_ tensor: String, draws: Int, means: [GradientBias.Mean]) -> GradientBias {
      let norm = exact.squareRoot()
      let deviation = (max(0, scatter) / Double(draws - 1)).squareRoot() / norm
      return GradientBias(
        tensor: tensor, elements: elements, bias: error,
        deviation: deviation, expectedBias: deviation / Double(draws).squareRoot(),
        cosine: product / (mean.squareRoot() * norm), means: means)
    }
  }
}
