import MXCompute
import MXLinear
import MXRuntime
import VisionModels

extension Benchmarks {
  /// Whole training steps: forward, backward, AdamW.
  ///
  /// - Parameters:
  ///   - microBatch: images that go through the model together, a divisor of the batch; nil for the share of a rank.
  ///   - recomputation: what the backward pass computes again; nil for the recipes' default.
  ///   - attention: what its products are of.
  ///   - profile: where the time of the steps' parts is added up, warm-ups left out.
  /// - Returns: the seconds of all timed steps together.
  /// - Throws: `NonFiniteTensor` where the arithmetic breaks down.
  @discardableResult
  package func step(
    microBatch: Int? = nil, recomputation: Recomputation? = nil,
    attention: OperandPrecision = .fp32, profile: StepProfile? = nil,
    _ report: (BenchmarkResult) throws -> Void
  ) throws -> Double {
    var recipe = Recipe()
    recipe.method = method
    recipe.linear = method.linearRecipe
    if let format {
      for operand in Operand.allCases { recipe.linear[operand]?.format = format }
    }
    recipe.engine = engine
    recipe.model = shape
    let warmups = 2
    // One epoch: Q-Ramping's detection falls into the warm-up, remedies that begin late do so.
    recipe.training.epochs = 1
    (recipe.training.batchSize, recipe.training.microBatch) = (
      batch, microBatch ?? batch / ranks.count
    )
    recipe.model.attention = attention
    if let recomputation { recipe.training.recomputation = recomputation }
    let microBatches = recipe.training.microBatches
    try ranks.alike {
      try recipe.validate()
      guard ranks.count <= microBatches else {
        throw RankCountError(ranks: ranks.count, microBatches: microBatches)
      }
    }
    let training = try TrainingStep(recipe, cpu, stepsPerEpoch: warmups + repeats, ranks: ranks)
    let size = recipe.training.microBatchSize
    let images = sample(size, shape.channels * shape.imageSize * shape.imageSize, seed: 1)
    let labels = (0..<size).map { $0 % shape.classes }
    let own = ranks.share(of: microBatches)
    // The same images every time: what a step takes does not depend on them.
    func endlessFeed() -> StepFeed {
      var next = 0
      return StepFeed(microBatches: microBatches, ranks: ranks) {
        defer { next += 1 }
        let index = next / own.count * microBatches + own.lowerBound + next % own.count
        return TrainingBatch(
          images: images.matrix, labels: labels, mixedShare: 1, index: index)
      }
    }
    let feed = endlessFeed()
    training.calibration = { _ in endlessFeed() }
    var seconds: [Double] = []
    for step in 0..<warmups + repeats {
      if step == warmups { training.profile = profile }
      seconds.append(
        try secondsOf {
          _ = try training.run(feed, step: step)
        })
    }
    let timed = seconds.dropFirst(warmups)
    let time = median(Array(timed))
    var line = line("step")
    line.add("micro_batch", size)
    line.add("method", method.rawValue)
    line.add("recompute", recipe.training.recomputation.rawValue)
    line.add("attention", attention.rawValue)
    recipe.linear.addEngines(asked: engine, to: &line)
    line.add("peak_memory_mb", ProcessUsage.peakMemory)
    if ranks.count > 1 { line.add("ranks", ranks.count) }
    line.add("images_per_second", Double(batch) / time)
    for (key, value) in training.remedies.flatMap(\.report) { line.add(key, value) }
    try report(
      result(
        line, time, text: "\(name) batch \(batch) \(method.rawValue)",
        rate: "\(twoDigits(Double(batch) / time)) images/s"))
    return timed.reduce(0, +)
  }

  /// The rows of a profile's table: part, milliseconds a step, share of the step in percent; `other` last.
  package func table(
    of profile: StepProfile, seconds: Double
  ) -> [(part: String, milliseconds: Double, percent: Double)] {
    // Most methods have no remedy, and most trainings one rank.
    var parts = StepPart.allCases.filter { ![.remedy, .exchange].contains($0) || profile[$0] > 0 }
      .map { ($0.rawValue, profile[$0]) }
    parts.append(("other", seconds - parts.reduce(0) { $0 + $1.1 }))
    return parts.map { ($0.0, $0.1 / Double(repeats) * 1e3, $0.1 / seconds * 100) }
  }
}
