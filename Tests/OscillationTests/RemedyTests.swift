import Foundation
import MXCompute
import MXLinear
import MXRuntime
import Oscillation
import TestSupport
import Testing

@Suite("The remedies for oscillating weights")
struct RemedyTests {
  @Test("Q-EMA's average starts at the weight, follows by beta, and is used after ten steps")
  func qema() throws {
    let training = ToyTraining(ToyTraining.group(1), rows: 1, totalSteps: 100) {
      QEMA(RemedySettings().qema, $0, totalSteps: 100)
    }
    let average = try #require(training.remedy.state.first?.buffer)
    try training.run { $0.base[6] = 2 }
    #expect(average.base[5] == 6 && average.base[0] == 0)
    #expect(abs(average.base[6] - (0.998 + 0.002 * 2)) < 1e-6)
    for _ in 1..<9 { try training.run() }
    #expect(training.remedy.weightAverages(step: 9) == nil)
    try training.run()
    #expect(training.remedy.weightAverages(step: 10) === average)
    let expected = 2 - Foundation.pow(0.998 as Double, 10)
    #expect(abs(Double(average.base[6]) - expected) < 1e-5)
  }

  @Test(
    "Q-EMA's memory and its beginning are shares of the training; its memory grows as the rate falls"
  )
  func qemaShares() throws {
    var settings = RemedySettings().qema
    (settings.memory, settings.start) = (0.05, 0.255)
    #expect(settings.beta(totalSteps: 100) == 0.8 && settings.firstStep(totalSteps: 100) == 26)
    // The paper's 500 steps of its 112,590.
    settings.memory = 500 / 112_590
    #expect(abs(settings.beta(totalSteps: 112_590) - 0.998) < 1e-6)
    #expect(settings.firstStep(totalSteps: 20) == 10)

    (settings.memory, settings.followsRate) = (0, true)
    settings.beta = 0.75
    let training = ToyTraining(ToyTraining.group(1), rows: 1, totalSteps: 4) {
      QEMA(settings, $0, totalSteps: 4)
    }
    training.learningRate = { [1e-3, 2e-3, 1e-3, 0][$0] }
    let average = try #require(training.remedy.state.first?.buffer)
    // The weight jumps by 1 in the first step: 1 − β is 1/8, 1/4, 1/8 and 0.
    var expected: Float = 1
    for share: Float in [0.125, 0.25, 0.125, 0] {
      try training.run { $0.base[6] = 2 }
      expected += share * (2 - expected)
      #expect(abs(average.base[6] - expected) < 1e-6)
    }
  }

  @Test("Q-Ramping's steps are shares of the training where these are given")
  func qrampingShares() {
    var settings = RemedySettings().qramping
    #expect(settings.interval(stepsPerEpoch: 7, totalSteps: 900) == 7)
    #expect(settings.detectionSteps(totalSteps: 900) == 30)
    (settings.updateEvery, settings.updateShare) = (50, 1 / 90)
    settings.detectionShare = 0.0105
    #expect(settings.interval(stepsPerEpoch: 7, totalSteps: 900) == 10)
    #expect(settings.detectionSteps(totalSteps: 900) == 10)
    #expect(settings.interval(stepsPerEpoch: 7, totalSteps: 3) == 1)
    settings.updateShare = 0.07
    #expect(settings.interval(stepsPerEpoch: 7, totalSteps: 100) == 7)
  }

  @Test("Q-Ramping detects in a trial at the start and every so many steps, and caps periods")
  func qramping() throws {
    var settings = RemedySettings().qramping
    settings.updateEvery = 4
    settings.detectionSteps = 6
    let training = ToyTraining(ToyTraining.group(0.7501), rows: 1, totalSteps: 100) {
      QRamping(settings, $0)
    }
    var trials: [Int] = []
    for step in 0..<9 {
      try training.remedy.beforeStep(training.view(step)) { steps, observe in
        trials.append(step)
        #expect(steps == 6)
        let before = training.weights.base[6]
        for trial in 0..<steps {
          training.weights.base[6] = trial % 2 == 0 ? 0.7499 : 0.7501
          observe(training.view(step + trial + 1))
        }
        training.weights.base[6] = before
      }
    }
    #expect(trials == [0, 4, 8])
    let periods = try #require(training.remedy.updatePeriods)
    // R_w = 0.5/0.0002 = 2500 asks for 5·156 + 1 steps; an epoch of the toy has ten.
    #expect(periods.base[6] == 10)
    #expect(periods.elements.enumerated().allSatisfy { $0 == 6 || $1 == 1 })
    let report = Dictionary(uniqueKeysWithValues: training.remedy.report.map { ($0.key, $0.value) })
    #expect(report["qramping_ramped_share"] == 1.0 / 32)
    #expect(report["qramping_mean_period"] == 41.0 / 32)
  }

  @Test(
    "Q-Ramping detects nothing, and lets no weight wait, where the rate rises before the next time")
  func rampingWarmUp() throws {
    var settings = RemedySettings().qramping
    settings.updateEvery = 4
    let training = ToyTraining(ToyTraining.group(0.7501), rows: 1, totalSteps: 100) {
      QRamping(settings, $0)
    }
    // Epochs of four steps with one rate each; a step that is higher than the one before, from 16 on.
    training.learningRate = { step in
      step < 16 ? [4e-6, 2e-4, 4e-4, 3e-4][step / 4] : step == 18 ? 2e-4 : 1e-4
    }
    var trials: [Int] = []
    for step in 0..<24 {
      try training.remedy.beforeStep(training.view(step)) { steps, observe in
        trials.append(step)
        for trial in 0..<steps {
          training.weights.base[6] = trial % 2 == 0 ? 0.7499 : 0.7501
          observe(training.view(step + trial + 1))
        }
      }
      let period = try #require(training.remedy.updatePeriods).base[6]
      #expect(period == ((16..<20).contains(step) ? 1 : 10), "step \(step)")
    }
    #expect(trials == [0, 4, 8, 12, 20])
  }

  @Test(
    "Dampen adds 2λ(w − Q(w)) with λ on a cosine from a quarter of training on, averaged over a row's inputs or summed",
    arguments: RemedySettings.Dampen.Reduction.allCases)
  func dampen(reduction: RemedySettings.Dampen.Reduction) throws {
    var settings = RemedySettings().dampen
    settings.reduction = reduction
    let training = ToyTraining(ToyTraining.group(0.7, -1.1), rows: 1, totalSteps: 8) { _ in
      Dampen(settings)
    }
    #expect(settings.reduction == reduction && RemedySettings().dampen.reduction == .rowMean)
    for step in 0..<8 {
      try training.run()
      let way = max(0, Double(step) - 2) / 6
      let lambda = 0.1 * (1 - cos(Double.pi * way)) / 2
      let factor = 2 * lambda / (reduction == .sum ? 1 : 32)
      for (element, distance) in [(0, 0.0), (1, 0.7 - 0.5), (2, -1.1 + 1), (3, 0)] {
        #expect(
          abs(Double(training.gradients.base[5 + element]) - (1 + factor * distance)) < 1e-6)
      }
      #expect(training.gradients.base[0] == 1)
    }
  }

  @Test("Freeze holds a weight that goes back and forth at its mean's grid value, without gradient")
  func freeze() throws {
    var settings = RemedySettings().freeze
    (settings.momentum, settings.start) = (0.25, 0.5)
    (settings.thresholdStart, settings.thresholdEnd) = (0.6, 0.6)
    let training = ToyTraining(ToyTraining.group(0.7, 0.7, 0.7), rows: 1, totalSteps: 20) {
      Freeze(settings, $0)
    }
    // Element 1 crosses 0.75 back and forth; 2 only once; 3 stays.
    func move(_ step: Int) -> (AlignedBuffer<Float>) -> Void {
      { weights in
        weights.base[6] = step % 2 == 0 ? 0.8 : 0.7
        weights.base[7] = 0.8
      }
    }
    for step in 0..<10 {
      try training.run(move(step))
      #expect(training.remedy.report[0].value == 0)
    }
    try training.run(move(10))
    #expect(training.remedy.report[0].value == 1.0 / 32)
    let frozen = training[1]
    #expect(frozen == 0.5 || frozen == 1)
    for step in 11..<20 {
      try training.run(move(step))
      #expect(training[1] == frozen && training.gradients.base[6] == 0)
      #expect(training[2] == 0.8 && training.gradients.base[7] == 1)
    }
  }

  @Test("a move that comes with a change of the group's scale does not count as an oscillation")
  func freezeScale() throws {
    var settings = RemedySettings().freeze
    (settings.momentum, settings.start) = (0.5, 0)
    (settings.thresholdStart, settings.thresholdEnd) = (0.4, 0.4)
    let training = ToyTraining(ToyTraining.group(0.9), rows: 1, totalSteps: 20) {
      Freeze(settings, $0)
    }
    // The largest weight doubles the scale and halves it: 0.9 becomes 1 either way, 0.5 becomes 0 or 1 by turns.
    for step in 0..<19 {
      try training.run { weights in
        weights.base[5] = step % 2 == 0 ? 12 : 6
        weights.base[7] = step % 2 == 0 ? 0.4 : 0.5
      }
    }
    #expect(training.remedy.report[0].value == 0)
    #expect(training.remedy.state.first { $0.name == "freeze.direction" }?.buffer.base[7] != 0)
  }

  @Test("OsciReset puts oscillating weights on the grid at the end of its windows, averages too")
  func oscireset() throws {
    var settings = RemedySettings().oscireset
    (settings.start, settings.period, settings.window) = (0.5, 8, 4)
    let training = ToyTraining(ToyTraining.group(0.74, 0.3), rows: 1, totalSteps: 20) {
      OsciReset(settings, $0, cpu)
    }
    let averages = buffer(ToyTraining.group(0.74, 0.3))
    training.averages = averages
    var resets: [Int] = []
    for step in 0..<20 {
      try training.run { weights in
        weights.base[6] = step % 2 == 0 ? 0.76 : 0.74
        weights.base[7] += 0.0001
      }
      if training[1] == 0.5 || training[1] == 1 { resets.append(step) }
      #expect(abs(training[2] - 0.3) < 0.01 && training[0] == 6)
    }
    // Windows are 10…13 and 18…19, which the end cuts off.
    #expect(resets == [13])
    #expect(averages.base[6] == 0.5 || averages.base[6] == 1)
    #expect(averages.base[7] == 0.3 && averages.base[5] == 6)
    #expect(training.remedy.report[0].value == 1 && training.remedy.report[1].value == 0)
  }

  @Test("a reset of a group's largest weight counts the neighbours whose values it changes")
  func neighbours() throws {
    var settings = RemedySettings().oscireset
    (settings.start, settings.period, settings.window) = (0, 4, 4)
    // 6.9 has scale 2 and the value 6 there; on 6 the scale is 1, in which 0.7 is 0.5 and no longer 1, and 0.5 is
    // itself and no longer 0.
    var values = ToyTraining.group(0.7, 0.7, 0.7)
    values[0] = 6.9
    let training = ToyTraining(values, rows: 1, totalSteps: 8) { OsciReset(settings, $0, cpu) }
    for step in 0..<4 {
      // 7.1 has the value 8.
      try training.run { $0.base[5] = step % 2 == 0 ? 7.1 : 6.9 }
    }
    #expect(training[0] == 6)
    #expect(training.remedy.report[0].value == 1 && training.remedy.report[1].value == 31)
  }

  @Test("a window that is cut in two by a resume goes on where it was")
  func resumedWindow() throws {
    var settings = RemedySettings().oscireset
    (settings.start, settings.period, settings.window, settings.threshold) = (0, 10, 6, 12)
    func training() -> ToyTraining {
      ToyTraining(ToyTraining.group(0.74, 0.74), rows: 1, totalSteps: 10) {
        OsciReset(settings, $0, cpu)
      }
    }
    func move(_ step: Int) -> (AlignedBuffer<Float>) -> Void {
      { $0.base[6] = step % 2 == 0 ? 0.76 : 0.74 }
    }
    let whole = training()
    for step in 0..<6 { try whole.run(move(step)) }
    let first = training()
    for step in 0..<3 { try first.run(move(step)) }
    let second = training()
    second.weights.base.update(from: first.weights.base, count: 37)
    for (old, new) in zip(first.remedy.state, second.remedy.state) {
      new.buffer.base.update(from: old.buffer.base, count: 37)
    }
    for step in 3..<6 {
      second.remedy.beforeUpdate(second.view(step))
      move(step)(second.weights)
      second.remedy.afterUpdate(second.view(step))
    }
    #expect(whole[1] == 0.5 || whole[1] == 1)
    #expect(Array(second.weights.elements) == Array(whole.weights.elements))
  }

  @Test("what does not go together says why; what does is in the list")
  func combinations() {
    #expect(
      RemedyName.combinations.map { [$0.0, $0.1] } == [[.qema, .qramping], [.qema, .oscireset]])
    for first in RemedyName.allCases {
      for second in RemedyName.allCases where first != second {
        #expect(first.conflict(with: second) == second.conflict(with: first))
      }
    }
    #expect(RemedyName.freeze.conflict(with: .dampen)?.contains("dampen would change") == true)
  }
}
