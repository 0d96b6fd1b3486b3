import ImageData
import MXRuntime
import Ranks

/// Images and labels that go through the model together: the batch of a step, or a micro-batch of it.
package struct TrainingBatch {
  /// [B, channels·imageSize·imageSize].
  let images: FloatMatrix
  let labels: [Int]
  let mixedShare: Float
  /// Its number among those of its epoch.
  let index: Int
  private let owner: AlignedBuffer<Float>?

  /// A batch of a loader.
  package init(_ batch: Batch) {
    images = batch.matrix
    (labels, owner) = (batch.labels, batch.images)
    (mixedShare, index) = (batch.mixedShare, batch.index)
  }

  /// A batch whose images the caller keeps.
  package init(images: FloatMatrix, labels: [Int], mixedShare: Float, index: Int = 0) {
    (self.images, self.labels, self.mixedShare, owner) = (images, labels, mixedShare, nil)
    self.index = index
  }
}

/// The micro-batches of an epoch, handed out step by step, one at a time: no more than one is held.
///
/// Micro-batch i belongs to step i / `microBatches` of its epoch. Numbers can be missing: a micro-batch of broken
/// images alone is passed over, and a step of nothing else with it.
package final class StepFeed {
  /// Micro-batches of a step.
  package let microBatches: Int
  private let ranks: any Ranks
  /// The last of a step that is this rank's.
  private let lastNumber: Int
  /// What the ranks have agreed on for the next step; nil before they have.
  private var agreed: Int??
  private let source: () throws -> TrainingBatch?
  private var ahead: TrainingBatch?
  private var waited = 0.0

  /// - Parameters:
  ///   - ranks: who shares out the micro-batches of a step.
  ///   - source: the next micro-batch of this rank; nil after the last.
  package init(
    microBatches: Int, ranks: any Ranks = Alone(), _ source: @escaping () throws -> TrainingBatch?
  ) {
    (self.microBatches, self.ranks) = (microBatches, ranks)
    self.source = source
    lastNumber = ranks.share(of: microBatches).upperBound - 1
  }

  /// One step on one batch.
  convenience init(_ batch: TrainingBatch) {
    var batches = [batch]
    self.init(microBatches: 1) { batches.popLast() }
  }

  /// The step of the epoch to which the next micro-batch of any rank belongs; nil after the last.
  package func nextStep() throws -> Int? {
    if ranks.count == 1 { return try ownNextStep() }
    if let agreed { return agreed }
    let all = try ranks.agree { try ownNextStep().map { [UInt8](bytesOf: $0) } ?? [] }
    let step = all.flatMap { [Int](bytes: $0) }.min()
    agreed = .some(step)
    return step
  }

  private func ownNextStep() throws -> Int? {
    if ahead == nil {
      let start = ContinuousClock.now
      ahead = try source()
      waited += start.duration(to: .now).inSeconds
    }
    return ahead.map { $0.index / microBatches }
  }

  /// The seconds spent waiting for micro-batches since this was last asked.
  func takeWaited() -> Double {
    defer { waited = 0 }
    return waited
  }

  /// Calls `body` with each micro-batch of a step and its number in the step.
  func forEach(of step: Int, _ body: (TrainingBatch, Int) throws -> Void) throws {
    agreed = nil
    while try ownNextStep() == step, let batch = ahead {
      ahead = nil
      let number = batch.index % microBatches
      // What is handed on is a pointer into it.
      try withExtendedLifetime(batch) { try body(batch, number) }
      // The next one belongs to another step; it is not waited for.
      if number == lastNumber { break }
    }
  }
}
