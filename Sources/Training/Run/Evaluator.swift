import ImageData
import MXCompute
import MXLinear
import MXRuntime
import VisionModels

/// Scores a model as it is deployed: with its forward quantizers, without drop path.
package struct Evaluator {
  private let compute: any TrainingCompute
  private let model: VisionModel
  private let weights: AlignedBuffer<Float>
  private let workspace = Workspace()
  /// Where the encoded weights lie, as long as a score is made.
  private let encoded = Arena(chunkCount: 1 << 16)

  /// An evaluator of a model; the weights may change between two scores.
  package init(_ compute: any TrainingCompute, model: VisionModel, weights: AlignedBuffer<Float>) {
    self.compute = compute
    self.model = model
    self.weights = weights
  }

  /// The score over every image that a loader gives.
  ///
  /// - Parameters:
  ///   - averages: the moving averages that weights round by under Q-EMA; nil for none.
  ///   - each: is told of each image's score.
  ///   - check: is called before each batch, and ends the evaluation by throwing.
  /// - Throws: loader errors, also where no image could be read; `NonFiniteTensor`.
  package func score(
    _ loader: BatchLoader, averages: AlignedBuffer<Float>? = nil,
    each: ((ImageScore) -> Void)? = nil, check: () throws -> Void = {}
  ) throws -> BatchScore {
    let batches = loader.epoch(0)
    return try score(averages: averages, each: each) {
      let batch = try batches.next()
      if batch != nil { try check() }
      return batch
    }
  }

  /// The score over batches.
  ///
  /// - Parameter next: the next one; nil after the last.
  func score(
    averages: AlignedBuffer<Float>? = nil, each: ((ImageScore) -> Void)? = nil,
    _ next: () throws -> Batch?
  ) throws -> BatchScore {
    let start = encoded.mark
    defer { encoded.release(to: start) }
    let pass = try model.evaluationPass(
      compute, weights: weights, averages: averages, workspace: workspace, encoded: encoded)
    var score = BatchScore()
    while let batch = try next() {
      try batch.withMatrix { images in
        try workspace.frame {
          let logits = try model.logits(images, pass)
          score.add(compute.crossEntropy(logits, Targets(labels: batch.labels), gradient: nil))
          if let each {
            ImageScore.scores(logits, labels: batch.labels, images: batch.places).forEach(each)
          }
        }
      }
    }
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

extension Checkpoint {
  /// The score of the checkpoint on the test images of a data set, of those classes that it knows.
  ///
  /// - Parameters:
  ///   - data: "digits" or a path; nil for what it was trained on.
  ///   - onNote: is told, before anything is scored, what is to be said of the images and of how their classes are the
  ///     model's, a line each.
  /// - Throws: `RunError` where the data have no class of the model's; what the data, the loader and the arithmetic
  ///   throw.
  package func evaluate(
    data given: String?, on compute: any TrainingCompute, onNote: (String) -> Void = { _ in },
    onSkip: @escaping @Sendable (SkippedImage) -> Void
  ) throws -> Evaluation {
    let (path, labelled) = try data.images(given: given, split: recipe.data.split)
    labelled.lines(path: path).forEach(onNote)
    let match = try ClassMatch(
      labelled.images, model: classNames, count: model.configuration.classes, path: path)
    if let note = match.note(path: path) { onNote(note) }
    let test = match.matched(labelled.images, model: classNames)
    let loader = try BatchLoader(
      dataset: test, preprocessing: recipe.preprocessing,
      options: recipe.loaderOptions(training: false), onSkip: onSkip)
    var images: [ImageScore] = []
    let score = try Evaluator(compute, model: model, weights: weights)
      .score(loader, averages: averages, each: { images.append($0) })
    return Evaluation(
      score: score, skipped: loader.skipped.count, match: match,
      details: EvaluationDetails(classNames: test.classNames, images: images, data: test))
  }
}
