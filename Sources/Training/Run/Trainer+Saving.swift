import MXRuntime
import Ranks

extension Trainer {
  /// Saves what an epoch leaves. What a resume goes on from comes last: killed before, it makes the others once more.
  mutating func save(isBest: Bool) throws {
    try training.checkIsFinite(step: state.step)
    let deployed = training.deployed(step: state.step)
    try writeCheckpoint(directory.last, deployed)
    if recipe.checkpoints.keep > 0 {
      try writeCheckpoint(directory.checkpoint(epochs: state.epoch), deployed)
      if ranks.isFirst {
        directory.removeCheckpoints(keeping: recipe.checkpoints.keep, upTo: state.epoch)
      }
    }
    if isBest { try writeCheckpoint(directory.best, deployed) }
    if let averaged = training.averagedWeights {
      try writeCheckpoint(directory.average, (averaged, training.averages(step: state.step)))
    }
    try saveState()
  }

  /// Whether it is time for a checkpoint within an epoch.
  var isCheckpointDue: Bool {
    let (steps, minutes) = (recipe.checkpoints.everySteps, recipe.checkpoints.everyMinutes)
    return steps > 0 && state.step.isMultiple(of: steps)
      || minutes > 0 && lastSave.duration(to: .now).inSeconds >= 60 * minutes
  }

  /// Saves what a resume goes on from.
  mutating func saveState() throws {
    try training.checkIsFinite(step: state.step)
    state.sums = meter.sums
    _ = try ranks.agree {
      try training.withWholeState {
        try state.write(
          directory.resume, training, recorder, origin, place: directory.placeResume)
      }
      return []
    }
    (lastSave, savedStep) = (.now, state.step)
  }

  /// Writes a model as it is deployed.
  private func writeCheckpoint(
    _ path: String, _ deployed: TrainingStep.Deployed
  ) throws {
    try ranks.write {
      try Checkpoint.write(
        path, model: training.model, weights: deployed.weights, averages: deployed.averages,
        recipe: recipe,
        classNames: data.train.classNames, trainedOn: origin.data.trainFingerprint)
    }
  }
}
