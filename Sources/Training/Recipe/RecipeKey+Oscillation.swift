import Oscillation

extension RecipeKey {
  /// The hyper-parameters of the remedies.
  static let remedyKeys: [RecipeKey] = [
    .number("qema.beta", \.remedies.qema.beta, 0...0.999999, "decay of the weights' average"),
    .number(
      "qema.memory", \.remedies.qema.memory, 0...1,
      "share of all steps that the average remembers, in place of qema.beta; 0 for that"),
    .boolean(
      "qema.follow_rate", \.remedies.qema.followsRate,
      "whether the average remembers longer as the learning rate falls"),
    .integer(
      "qema.start_step", \.remedies.qema.startStep, 0...Int.max,
      "steps the average sees before weights round by it"),
    .number(
      "qema.start", \.remedies.qema.start, 0...1,
      "share of training before weights round by the average"),

    .integer(
      "qramping.update_every", \.remedies.qramping.updateEvery, 0...Int.max,
      "steps between two detections; 0 for an epoch"),
    .number(
      "qramping.update_share", \.remedies.qramping.updateShare, 0...1,
      "the same as a share of all steps, in its place; 0 for that"),
    .integer(
      "qramping.detection_steps", \.remedies.qramping.detectionSteps, 1...100_000,
      "steps of a detection"),
    .number(
      "qramping.detection_share", \.remedies.qramping.detectionShare, 0...1,
      "the same as a share of all steps, in its place; 0 for that"),
    .number(
      "qramping.k1", \.remedies.qramping.k1, 1e-3...1e6,
      "oscillation ratio that lengthens the period once more"),
    .number("qramping.k2", \.remedies.qramping.k2, 0...1e6, "gradients by which it does"),
    .integer(
      "qramping.max_period", \.remedies.qramping.maximumPeriod, 0...(1 << 24),
      "longest period; 0 for the steps of an epoch"),

    .number("dampen.lambda", \.remedies.dampen.lambda, 0...1e6, "final weight of the pull"),
    .number(
      "dampen.start", \.remedies.dampen.start, 0...1, "share of training before the pull begins"),
    .choice("dampen.reduction", \.remedies.dampen.reduction, "over the inputs of a row"),

    .number("freeze.momentum", \.remedies.freeze.momentum, 0...1, "of the frequency's average"),
    .number("freeze.start", \.remedies.freeze.start, 0...1, "share of training that is left free"),
    .number(
      "freeze.threshold_start", \.remedies.freeze.thresholdStart, 0...1,
      "frequency that freezes, from there on"),
    .number(
      "freeze.threshold_end", \.remedies.freeze.thresholdEnd, 0...1, "and at the end of training"),

    .number(
      "oscireset.start", \.remedies.oscireset.start, 0...1, "share of training without resets"),
    .integer(
      "oscireset.period", \.remedies.oscireset.period, 1...Int.max, "steps from window to window"),
    .integer("oscireset.window", \.remedies.oscireset.window, 1...Int.max, "steps of a window"),
    .number(
      "oscireset.threshold", \.remedies.oscireset.threshold, 0...1e9,
      "oscillation ratio from which a weight is reset"),

    .number(
      "osmq.start", \.remedies.osmq.start, 0...1, "share of training before groups choose"),
    .number(
      "osmq.temperature", \.remedies.osmq.temperature, 1e-3...1e3,
      "of the softmax through which logits learn"),
    .numbers(
      "osmq.logits", \.remedies.osmq.logits, -100...100,
      "where those of nearest rounding, of qema and of the step before start"),
  ]

  /// What is measured of the weights on the way.
  static let statisticsKeys: [RecipeKey] = [
    .boolean("statistics.enabled", \.statistics.enabled, "whether oscillation is measured"),
    .integer(
      "statistics.interval", \.statistics.interval, 0...Int.max,
      "steps from window to window, back from the end; 0 for an epoch, or twelve windows if longer"),
    .integer("statistics.window", \.statistics.window, 1...100_000, "steps of a window"),
    .integer(
      "statistics.images", \.statistics.images, 0...65536,
      "test images, spread over the classes, on which outputs are compared; 0 for none"),
    .integer(
      "statistics.block", \.statistics.block, 0...1024,
      "the block whose output is compared, from 1; 0 for three quarters of the depth"),
    .boolean(
      "statistics.inputs", \.statistics.inputs,
      "whether codes of inputs are followed on these images, and their output without Q1"),
    .integer(
      "statistics.trajectories", \.statistics.trajectories, 0...1024,
      "weights whose path is written down"),
    .boolean("statistics.layers", \.statistics.layers, "whether each layer's confidences are, too"),
  ]
}
