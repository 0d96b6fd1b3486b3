import Exchange
import Files
import MXCompute
import MXLinear
import MXRuntime
import VisionModels

/// Times a trained model at work, on made-up images.
package struct PredictionBenchmark {
  private let checkpoint: String?
  private let preset: String
  private let activations: Activations?
  private let cpu: CPU

  /// - Parameters:
  ///   - checkpoint: a model's file or folder; nil for a preset with made-up weights.
  ///   - model: the preset.
  ///   - activations: nil for what training saw.
  package init(checkpoint: String?, model: String, activations: Activations?, on cpu: CPU) {
    (self.checkpoint, preset, self.activations, self.cpu) = (checkpoint, model, activations, cpu)
  }

  /// Opens the model, and times batches of images after a first one.
  ///
  /// - Throws: what opening a model throws; `ModelError` where there is no such preset; `NonFiniteTensor`.
  package func run(batch: Int, repeats: Int) throws -> BenchmarkResult {
    var opened: DeployedModel?
    let opening = try secondsOf { opened = try model() }
    guard let model = opened else { preconditionFailure("a model that is not there") }
    let shape = model.model.configuration
    let images = Sample(
      batch, shape.channels * shape.imageSize * shape.imageSize, seed: 1, threads: cpu.threads)
    func once() throws { try model.logits(images.matrix) { _ in } }
    let first = try secondsOf(once)
    let time = try medianSeconds(warmups: 1, repeats: repeats, once)
    let name = checkpoint ?? preset
    var line = JSONLine()
    line.add("bench", "predict")
    line.add("model", name)
    line.add("batch", batch)
    line.add("activations", model.activations)
    line.add("images_per_second", Double(batch) / time)
    line.add("load_seconds", opening)
    line.add("first_seconds", opening + first)
    line.add("weights_mb", Double(model.weightBytes) / 1e6)
    line.add("peak_memory_mb", ProcessUsage.peakMemory)
    line.add("seconds", time)
    line.add("threads", cpu.threads)
    line.add("isa", cpu.name)
    let weights = twoDigits(Double(model.weightBytes) / 1e6)
    return BenchmarkResult(
      line: line, text: "\(name) batch \(batch) activations \(model.activations)",
      seconds: time,
      rate: "\(twoDigits(Double(batch) / time)) images/s, weights \(weights) MB")
  }

  private func model() throws -> DeployedModel {
    if let checkpoint {
      return try DeployedModel(path: checkpoint, activations: activations, on: cpu)
    }
    var recipe = Recipe()
    recipe.method = .tetrajet
    recipe.linear = Method.tetrajet.linearRecipe
    recipe.model = try ModelConfiguration.preset(preset)
    if activations == .full { recipe.linear[.q1] = nil }
    var tensors = 0
    return try DeployedModel(recipe, data: TrainingData(none: preset), on: cpu) { entry in
      let random = RandomStream(seed: 0, purpose: .initialization, layer: tensors)
      tensors += 1
      return .numbers(
        (0..<entry.count).map { entry.initial.value(at: $0, random) }, averages: nil)
    }
  }
}
