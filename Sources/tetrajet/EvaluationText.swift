import Files
import Reports
import Training

/// An evaluation as people read it: the scores, a table of classes, and the images that the model is furthest off with.
struct EvaluationText {
  private let evaluation: Evaluation
  private let worst: Int

  /// So many classes are a table; of more, those with the lowest accuracy are.
  private static let mostClasses = 20
  private static let lowestClasses = 10

  init(_ evaluation: Evaluation, worst: Int) {
    (self.evaluation, self.worst) = (evaluation, worst)
  }

  func text(method: String) -> String {
    let score = evaluation.score
    let head = """
      \(counted(score.count, "image")), method \(method)
      top-1 \(fixed(score.top1Percent, 2)) %
      top-5 \(fixed(score.top5Percent, 2)) %
      loss  \(fixed(score.meanLoss, 4))
      """
    return ([head] + [classes, images].filter { !$0.isEmpty }).joined(separator: "\n\n")
  }

  private var classes: String {
    let details = evaluation.details
    let mistakes = details.mostFrequentMistakes
    var scores = details.classes.enumerated().filter { $0.element.images > 0 }
    let isShort = scores.count <= Self.mostClasses
    if !isShort {
      scores.sort { ($0.element.top1 ?? 0, $0.offset) < ($1.element.top1 ?? 0, $1.offset) }
      scores = Array(scores.prefix(Self.lowestClasses))
    }
    let rows = scores.map { label, score in
      [
        cut(score.name), "\(score.images)", fixed(score.top1 ?? 0, 2),
        mistakes[label].map { "\(cut(details.classNames[$0.predicted])) (\($0.images))" } ?? "-",
      ]
    }
    let text = table(["class", "images", "top-1 %", "most often taken for"], rows)
    return isShort
      ? text
      : "The \(Self.lowestClasses) classes with the lowest top-1 (all: --per-class FILE.csv):\n"
        + text
  }

  private var images: String {
    let details = evaluation.details
    let rows = details.worst(worst).map { image in
      "  \(shortPath(details.name(image))): \(cut(details.className(image.label))), taken for "
        + "\(cut(details.className(image.predicted))) "
        + "(\(fixed(100 * Double(image.probability), 1)) %), loss \(fixed(image.loss, 2))"
    }
    return rows.isEmpty
      ? "" : (["The images with the largest loss:"] + rows).joined(separator: "\n")
  }

  /// The end of a path: the folder, which often is the class, and the file.
  private func shortPath(_ name: String) -> String {
    let parts = oneLine(name).split(separator: "/")
    return parts.count <= 2 ? oneLine(name) : "…/" + parts.suffix(2).joined(separator: "/")
  }

  /// A name in no more room than a column of a table has.
  private func cut(_ name: String) -> String {
    let name = oneLine(name)
    return name.count <= 24 ? name : name.prefix(23) + "…"
  }
}
