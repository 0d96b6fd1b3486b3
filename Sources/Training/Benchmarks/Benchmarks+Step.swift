import Runtime

extension Benchmarks {
  /// Whole training steps: forward, backward, AdamW.
  ///
  /// - Parameter profile: where the time of the steps' parts is added up, warm-ups left out.
  /// - Returns: the seconds of all timed steps together.
  /// - Throws: `NonFiniteTensor` where the arithmetic breaks down.
  @discardableResult
  public func step(
    profile: StepProfile? = nil, _ report: (BenchmarkResult) throws -> Void
  ) throws -> Double {
    var recipe = Recipe()
    recipe.method = method
    recipe.linear = method.linearRecipe
    recipe.engine = engine
    recipe.model = shape
    let warmups = 2
    // One epoch: Q-Ramping's detection falls into the warm-up, remedies that begin late do so.
    recipe.training.epochs = 1
    let training = try TrainingStep(recipe, stepsPerEpoch: warmups + repeats)
    let images = Sample(batch, shape.channels * shape.imageSize * shape.imageSize, seed: 1)
    let labels = (0..<batch).map { $0 % shape.classes }
    var seconds: [Double] = []
    for step in 0..<warmups + repeats {
      if step == warmups { training.profile = profile }
      seconds.append(
        try secondsOf {
          _ = try training.run(images.matrix.base, labels: labels, step: step, learningRate: 1e-4)
        })
    }
    let timed = seconds.dropFirst(warmups)
    let time = median(Array(timed))
    var line = line("step")
    line.add("method", method.rawValue)
    recipe.linear.addEngines(asked: engine, to: &line)
    line.add("peak_memory_mb", ProcessUsage.peakMemory)
    line.add("images_per_second", Double(batch) / time)
    for (key, value) in training.remedies.flatMap(\.report) { line.add(key, value) }
    try report(
      result(
        line, time, text: "\(name) batch \(batch) \(method.rawValue)",
        rate: "\(twoDigits(Double(batch) / time)) images/s"))
    return timed.reduce(0, +)
  }

  /// The rows of a profile's table: part, milliseconds a step, share of the step in percent; `other` last.
  public func table(
    of profile: StepProfile, seconds: Double
  ) -> [(part: String, milliseconds: Double, percent: Double)] {
    // Most methods have no remedy.
    var parts = StepPart.allCases.filter { $0 != .remedy || profile[$0] > 0 }
      .map { ($0.rawValue, profile[$0]) }
    parts.append(("other", seconds - parts.reduce(0) { $0 + $1.1 }))
    return parts.map { ($0.0, $0.1 / Double(repeats) * 1e3, $0.1 / seconds * 100) }
  }
}
