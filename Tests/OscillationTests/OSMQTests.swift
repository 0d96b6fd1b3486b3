import MXCompute
import MXLinear
import MXRuntime
import Oscillation
import Testing

@Suite("OSMQ, a learned choice among quantizers")
struct OSMQTests {
  @Test("OSMQ's logits learn by what each candidate would have gained, worked out by hand")
  func osmqLogits() {
    let none = AlignedBuffer<Float>(count: 3).matrix()
    func slope(_ temperature: Float) -> SIMD3<Float> {
      GroupChoice(
        (none, none, none), logits: AlignedBuffer(count: 3), tensors: [], temperature: temperature,
        noise: nil
      ).slope(SIMD3(1.2, 1.5, -0.3), SIMD3(0.4, -0.1, 0.2))
    }
    for (temperature, expected) in [
      (1, SIMD3(0.10869, -0.11560, 0.00691)), (0.5, SIMD3(0.22334, -0.22752, 0.00418)),
    ] as [(Float, SIMD3<Float>)] {
      let found = slope(temperature)
      for candidate in 0..<3 { #expect(abs(found[candidate] - expected[candidate]) < 2e-5) }
      #expect(abs(found.sum()) < 1e-6)
    }
  }

  @Test("OSMQ is Q-EMA until groups choose, keeps its codes then, and learns which are better")
  func osmq() throws {
    var settings = RemedySettings()
    (settings.qema.startStep, settings.qema.beta, settings.osmq.start) = (0, 0.9, 0.5)
    // 1.26 is 1.5 to the nearest; its average stays below the threshold, at 1.
    var recipe = LinearRecipe.tetrajet
    recipe[.q2]?.rounding = .ema
    let training = ToyTraining(
      ToyTraining.group(1) + ToyTraining.group(1), rows: 2, totalSteps: 40, recipe: recipe
    ) {
      OSMQ(settings, $0, TrainingPlan(totalSteps: 40, seed: 5))
    }
    func values(_ buffer: AlignedBuffer<Float>) -> [Float] { [6, 38].map { buffer.base[$0] } }
    for step in 0..<20 {
      try training.run { if step == 19 { for place in [6, 38] { $0.base[place] = 1.26 } } }
      #expect(training.remedy.sampledWeights == nil)
    }
    let averages = try #require(training.remedy.weightAverages(step: 20))
    #expect(abs(averages.base[6] - 1.026) < 1e-5)
    #expect(training.remedy.deployedWeights(training.view(20)) == nil)
    // What lowers the loss is 1.5 in the first row, 1 in the second one.
    var drawn: Set<[Float]> = []
    for step in 20..<40 {
      training.gradient = { [6: -1, 38: 1][$0] ?? 0 }
      try training.run { _ in
        if let sampled = training.remedy.sampledWeights { drawn.insert(values(sampled)) }
      }
      let deployed = try #require(training.remedy.deployedWeights(training.view(step + 1)))
      // Equal logits take Q-EMA's.
      if step == 20 { #expect(values(deployed) == [1, 1] || values(deployed) == [1.5, 1]) }
      #expect(deployed.base[5] == 6 && training.remedy.weightAverages(step: step + 1) == nil)
    }
    #expect(drawn.count > 1 && drawn.isSubset(of: [[1, 1], [1.5, 1], [1, 1.5], [1.5, 1.5]]))
    let logits = try #require(training.remedy.state.first { $0.name == "osmq.logit" }?.buffer)
    // Nearest rounding gained in the first row and lost in the second one.
    #expect(logits.base[5] > logits.base[37])
  }

  @Test("a model of OSMQ is deployed by the likeliest candidates, whatever is drawn in training")
  func osmqDeployed() throws {
    var settings = RemedySettings()
    (settings.qema.startStep, settings.qema.beta, settings.osmq.start) = (0, 0.9, 0)
    settings.osmq.logits = [0, 1, 0]
    var recipe = LinearRecipe.tetrajet
    recipe[.q2]?.rounding = .ema
    // Averages stay at 1, the weights' values of before.
    let training = ToyTraining(
      ToyTraining.group(1) + ToyTraining.group(1), rows: 2, totalSteps: 40, recipe: recipe
    ) {
      OSMQ(settings, $0, TrainingPlan(totalSteps: 40, seed: 6))
    }
    training.learningRate = { _ in 0 }
    var drawn: Set<[Float]> = []
    for step in 0..<12 {
      try training.run { weights in
        for place in [6, 38] { weights.base[place] = 1.26 }
        if let sampled = training.remedy.sampledWeights {
          drawn.insert([sampled.base[6], sampled.base[38]])
        }
      }
      let deployed = try #require(training.remedy.deployedWeights(training.view(step + 1)))
      let average = try #require(training.remedy.state.first?.buffer)
      // Q-EMA's candidate, as the average has come nearer to 1.5 or not.
      let expected: Float = average.base[6] < 1.25 ? 1 : 1.5
      #expect([deployed.base[6], deployed.base[38]] == [expected, expected])
    }
    #expect(drawn.count > 1)
  }
}
