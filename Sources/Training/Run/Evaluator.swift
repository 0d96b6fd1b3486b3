import ImageData
import MXLinear
import Runtime
import VisionModels

/// Scores a model as it is deployed: with its forward quantizers, without drop path.
public struct Evaluator {
  private let model: VisionModel
  private let weights: AlignedBuffer<Float>
  private let workspace = Workspace()

  /// An evaluator of a model; the weights may change between two scores.
  public init(model: VisionModel, weights: AlignedBuffer<Float>) {
    self.model = model
    self.weights = weights
  }

  /// The score over every image that a loader gives.
  ///
  /// - Parameters:
  ///   - averages: the moving averages that weights round by under Q-EMA; nil for none.
  ///   - check: is called before each batch, and ends the evaluation by throwing.
  /// - Throws: loader errors, also where no image could be read; `NonFiniteTensor`.
  public func score(
    _ loader: BatchLoader, averages: AlignedBuffer<Float>? = nil, check: () throws -> Void = {}
  ) throws -> BatchScore {
    var score = BatchScore()
    let batches = loader.epoch(0)
    while let batch = try batches.next() {
      try check()
      try workspace.frame {
        let logits = try model.logits(
          batch.images.base, batch: batch.count,
          Pass(weights: weights, weightEMA: averages, workspace: workspace))
        score.add(crossEntropy(logits, labels: batch.labels))
      }
    }
    guard score.count > 0 else { throw LoaderError.noImages }
    guard score.loss.isFinite else { throw NonFiniteTensor(tensor: "the evaluation loss") }
    return score
  }
}

extension Checkpoint {
  /// The score of the checkpoint on the test images of a data set.
  ///
  /// - Parameters:
  ///   - data: "digits" or a path; nil for what it was trained on.
  ///   - onNote: is told what is to be said of the images, a line each.
  /// - Throws: `RunError.classes` where the data has other classes; what the data, the loader and the
  ///   arithmetic throw.
  public func evaluate(
    data given: String?, onNote: (String) -> Void = { _ in },
    onSkip: @escaping @Sendable (SkippedImage) -> Void
  ) throws -> (score: BatchScore, skipped: Int) {
    let (path, labelled) = try data.images(given: given, split: recipe.data.split)
    labelled.lines(path: path).forEach(onNote)
    let test = labelled.images
    guard test.classNames.count == model.configuration.classes else {
      throw RunError.classes(
        path: path, found: test.classNames.count, expected: model.configuration.classes)
    }
    let loader = try BatchLoader(
      dataset: test, preprocessing: recipe.preprocessing,
      options: recipe.loaderOptions(training: false), onSkip: onSkip)
    let score = try Evaluator(model: model, weights: weights).score(loader, averages: averages)
    return (score, loader.skipped.count)
  }
}
