import ImageData
import MXCompute
import MXLinear
import MXRuntime
import Ranks
import VisionModels

/// Scores a model as it is deployed: with its forward quantizers, without drop path.
package struct Evaluator {
  private let compute: any TrainingCompute
  /// The model, whose quantizers may be others from one score to the next.
  var model: VisionModel
  /// Its weights, whose numbers may change from one score to the next, too.
  var weights: AlignedBuffer<Float>
  /// What stands in the place of weights, by their names.
  private let codes: [String: Encoded]
  private let workspace = Workspace()
  /// Where the encoded weights lie, as long as a score is made.
  private let encoded = Arena(chunkCount: 1 << 16)

  /// An evaluator of a model; the weights may change between two scores.
  ///
  /// - Parameter codes: what stands in the place of weights, by their names; they must outlive the evaluator.
  package init(
    _ compute: any TrainingCompute, model: VisionModel, weights: AlignedBuffer<Float>,
    codes: [String: Encoded] = [:]
  ) {
    self.compute = compute
    self.model = model
    self.weights = weights
    self.codes = codes
  }

  /// The score over every image that a loader gives.
  ///
  /// - Parameters:
  ///   - ranks: who shares out the batches; all get all scores.
  ///   - averages: the moving averages that weights round by under Q-EMA; nil for none.
  ///   - each: is told of each image's score.
  ///   - check: is called before each batch, and ends the evaluation by throwing; equally often, and alike, at all ranks.
  /// - Throws: loader errors, also where no image could be read; `NonFiniteTensor`.
  package func score(
    _ loader: BatchLoader, averages: AlignedBuffer<Float>? = nil, ranks: any Ranks = Alone(),
    each: ((ImageScore) -> Void)? = nil, check: () throws -> Void = {}
  ) throws -> BatchScore {
    if ranks.count > 1 {
      return try score(loader, averages: averages, sharedBy: ranks, each: each, check: check)
    }
    let batches = loader.epoch(0)
    return try score(averages: averages, each: each) {
      let batch = try batches.next()
      if batch != nil { try check() }
      return batch
    }
  }

  /// The same, every rank scoring a run of the batches: sums come together batch by batch, as those of one rank do.
  private func score(
    _ loader: BatchLoader, averages: AlignedBuffer<Float>?, sharedBy ranks: any Ranks,
    each: ((ImageScore) -> Void)?, check: () throws -> Void
  ) throws -> BatchScore {
    let shares = (0..<ranks.count).map { ranks.share(of: loader.batchesPerEpoch, at: $0) }
    var checks = shares.map(\.count).max() ?? 0
    func checkOnce() throws {
      guard checks > 0 else { return }
      checks -= 1
      do { try check() } catch { throw Checked(error: error) }
    }
    var (scores, images): (ScoreList, [UInt8]) = (ScoreList(isShared: true), [])
    var failure: (any Error)?
    do {
      let batches = loader.epoch(0, where: shares[ranks.rank].contains)
      try forEachBatch(averages: averages) {
        try checkOnce()
        return try batches.next()
      } _: { batch, logits, score in
        scores.add(score)
        ImageScore.scores(logits, labels: batch.labels, images: batch.places).forEach {
          images += [UInt8](bytesOf: $0)
        }
      }
    } catch let checked as Checked {
      throw checked.error
    } catch {
      // The others hear of it when they are through.
      failure = error
    }
    while checks > 0 {
      checks -= 1
      try check()
    }
    let (total, _) = try ranks.sum(scores, or: failure)
    if let each {
      for bytes in try ranks.gather(images) { [ImageScore](bytes: bytes).forEach(each) }
    }
    return try ranks.alike { try checked(total) }
  }

  /// The score over batches.
  ///
  /// - Parameter next: the next one; nil after the last.
  func score(
    averages: AlignedBuffer<Float>? = nil, each: ((ImageScore) -> Void)? = nil,
    _ next: () throws -> Batch?
  ) throws -> BatchScore {
    var score = BatchScore()
    try forEachBatch(averages: averages, next) { batch, logits, own in
      score.add(own)
      if let each {
        ImageScore.scores(logits, labels: batch.labels, images: batch.places).forEach(each)
      }
    }
    return try checked(score)
  }

  /// Calls `body` with each batch, its logits and its score.
  private func forEachBatch(
    averages: AlignedBuffer<Float>?, _ next: () throws -> Batch?,
    _ body: (Batch, _ logits: FloatMatrix, BatchScore) -> Void
  ) throws {
    let start = encoded.mark
    defer { encoded.release(to: start) }
    let pass = try model.evaluationPass(
      compute, weights: weights, averages: averages, codes: codes, workspace: workspace,
      encoded: encoded)
    while let batch = try next() {
      try batch.withMatrix { images in
        try workspace.frame {
          let logits = try model.logits(images, pass)
          body(
            batch, logits,
            compute.crossEntropy(logits, Targets(labels: batch.labels), gradient: nil))
        }
      }
    }
  }

  /// What `check` has thrown, at all ranks.
  private struct Checked: Error { let error: any Error }

  private func checked(_ score: BatchScore) throws -> BatchScore {
    guard score.count > 0 else { throw LoaderError.noImages }
    guard score.loss.isFinite else { throw NonFiniteTensor(tensor: "the evaluation loss") }
    return score
  }
}

/// What a checkpoint scores on a data set.
package struct Evaluation: Sendable {
  /// Sums over the images that were scored.
  package let score: BatchScore
  /// How many images could not be read.
  package let skipped: Int
  /// Which classes of the data are which of the model's.
  package let match: ClassMatch
  /// Class by class and image by image.
  package let details: EvaluationDetails
}
