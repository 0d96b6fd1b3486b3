import ImageData
import MXLinear

extension DeployedModel {
  /// The score of the model on the test images of a data set, of those classes that it knows.
  ///
  /// - Parameters:
  ///   - data: "digits" or a path; nil for what it was trained on.
  ///   - onNote: is told, before anything is scored, what is to be said of the images and of how their classes are the
  ///     model's, a line each.
  /// - Throws: `RunError` where the data have no class of the model's; what the data, the loader and the arithmetic
  ///   throw.
  package func evaluate(
    data given: String?, onNote: (String) -> Void = { _ in },
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
    let score = try Evaluator(compute, model: model, weights: weights, codes: codes)
      .score(loader, averages: averages, each: { images.append($0) })
    return Evaluation(
      score: score, skipped: loader.skipped.count, match: match,
      details: EvaluationDetails(classNames: test.classNames, images: images, data: test))
  }
}
