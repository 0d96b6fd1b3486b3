import MXCompute
import MXRuntime

/// Optimal selection among quantizers (OSMQ and its SmoothStart, github.com/xay2001/MXFP4Training-SeWA): from some step on each group of 32 weights takes
/// what nearest rounding makes of it, what Q-EMA does, or what it was in the step before, by logits that are learned.
///
/// The candidates have no gradients; that of the loss passes to the latent weights as it is. Until that step it is Q-EMA.
package final class OSMQ: Remedy {
  private let settings: RemedySettings.OSMQ
  private let qema: QEMA
  private let plan: TrainingPlan
  private let quantizer: WeightQuantizer
  /// l, and its moments.
  private let logits, m, v: AlignedBuffer<Float>
  /// Q2(W) of the last training step.
  private let previous: AlignedBuffer<Float>
  /// Q2(W) of the step that runs, and of a deployed model.
  private let sampled, deployed: AlignedBuffer<Float>
  private var isSampling = false

  /// Nothing seen yet.
  package init(_ settings: RemedySettings, _ quantizer: WeightQuantizer, _ plan: TrainingPlan) {
    (self.settings, self.plan, self.quantizer) = (settings.osmq, plan, quantizer)
    qema = QEMA(settings.qema, quantizer, totalSteps: plan.totalSteps)
    func buffer() -> AlignedBuffer<Float> { AlignedBuffer(count: quantizer.count) }
    (logits, m, v) = (buffer(), buffer(), buffer())
    (previous, sampled, deployed) = (buffer(), buffer(), buffer())
  }

  /// The averages, the logits with their moments, and the codes of the step before.
  package var state: [(name: String, buffer: AlignedBuffer<Float>)] {
    qema.state + [
      ("osmq.logit", logits), ("osmq.m", m), ("osmq.v", v), ("osmq.previous", previous),
    ]
  }

  /// The first step in which groups choose.
  private var firstStep: Int { RemedySettings.step(settings.start, of: plan.totalSteps) }

  /// Lets groups choose for a step.
  package func beforeStep(_ training: TrainingView, trial: TrialRun) throws {
    qema.beforeStep(training, trial: trial)
    isSampling = training.step >= firstStep
    if training.step == firstStep {
      GroupChoice.begin(logits, with: settings.logits, quantizer.tensors)
      // Without a step before, what nearest rounding makes is held on to.
      if firstStep == 0 { quantize(training, averages: nil, into: previous.matrix()) }
    }
    if isSampling {
      choose(training, noise(training.step), into: sampled)
    }
    // What a choice can hold on to is there one step before the first.
    if training.step + 1 == firstStep {
      quantize(
        training, averages: qema.weightAverages(step: training.step), into: previous.matrix())
    }
  }

  /// The logits learn.
  package func beforeUpdate(_ training: TrainingView) {
    guard isSampling else { return }
    withCandidates(training) { candidates in
      choice(candidates, noise(training.step)).update(
        training.gradients,
        GroupChoice.Update(
          m: m, v: v, learningRate: training.learningRate(training.step), beta1: plan.beta1,
          beta2: plan.beta2, epsilon: plan.epsilon, step: training.step - firstStep + 1),
        threads: training.compute.threads)
    }
  }

  /// The averages go on, and what was chosen becomes what can be held on to.
  package func afterUpdate(_ training: TrainingView) {
    qema.afterUpdate(training)
    if isSampling { training.compute.copy(sampled.matrix(), into: previous.matrix()) }
  }

  /// Those of Q-EMA, until groups have chosen.
  package func weightAverages(step: Int) -> AlignedBuffer<Float>? {
    step <= firstStep ? qema.weightAverages(step: step) : nil
  }

  /// What groups chose for the step.
  package var sampledWeights: AlignedBuffer<Float>? { isSampling ? sampled : nil }

  /// The weights with the likeliest candidate of each group; nil before groups have chosen.
  package func deployedWeights(_ training: TrainingView) -> AlignedBuffer<Float>? {
    guard training.step > firstStep else { return nil }
    training.compute.copy(training.weights.matrix(), into: deployed.matrix())
    choose(training, nil, into: deployed)
    return deployed
  }

  private func noise(_ step: Int) -> GroupChoice.Noise {
    GroupChoice.Noise(seed: plan.seed, step: step)
  }

  private func choose(
    _ training: TrainingView, _ noise: GroupChoice.Noise?, into weights: AlignedBuffer<Float>
  ) {
    withCandidates(training) {
      choice($0, noise).choose(into: weights, threads: training.compute.threads)
    }
  }

  private func choice(
    _ candidates: GroupChoice.Candidates, _ noise: GroupChoice.Noise?
  ) -> GroupChoice {
    GroupChoice(
      candidates, logits: logits, tensors: quantizer.tensors, temperature: settings.temperature,
      noise: noise)
  }

  /// Calls `body` with Q2(W) to the nearest, by the averages, and of the step before.
  private func withCandidates(
    _ training: TrainingView, _ body: (GroupChoice.Candidates) -> Void
  ) {
    training.arena.scratch {
      func candidate(_ averages: AlignedBuffer<Float>?) -> FloatMatrix {
        let values = training.arena.matrix(rows: 1, columns: quantizer.count)
        quantize(training, averages: averages, into: values)
        return values
      }
      body((candidate(nil), candidate(qema.averages), previous.matrix()))
    }
  }

  private func quantize(
    _ training: TrainingView, averages: AlignedBuffer<Float>?, into values: FloatMatrix
  ) {
    quantizer.quantize(
      training.weights, averages: averages, into: values, by: training.compute,
      arena: training.arena)
  }
}

extension RemedySettings {
  /// `osmq.*`; the defaults are SmoothStart's.
  package struct OSMQ: Equatable, Sendable {
    /// The share of training before groups choose; the published 50,000 of 112,590 steps.
    package var start = 0.444
    /// τ of the softmax: how far a logit moves, not which candidate is drawn.
    package var temperature: Float = 0.5
    /// What the logits of nearest rounding, of Q-EMA and of the step before start from. OSMQ itself has 1, 0, 0 and τ = 1: it drops Q-EMA's codes as
    /// it begins.
    package var logits: [Float] = [-2, 0, 0]
  }
}
