import Files
import Foundation
import Training

/// The part of the page on which classes are taken for which, and which images the model is furthest off with.
struct EvaluationSection {
  let groups: [RunGroup]

  static let note =
    "Of each recipe's first run the last evaluation. The matrix holds the mistakes alone: of the images of a class (row) the "
    + "share that is taken for another (column). Below, the images with the largest loss: what they are, and what the model "
    + "takes them for."

  /// Of more classes, a matrix would have no room for their names.
  private static let mostClasses = 40
  private static let mostRows = 20

  var html: String {
    let figures = groups.compactMap { group -> String? in
      guard let run = group.counted.first(where: { $0.evaluation != nil }),
        let evaluation = run.evaluation
      else { return nil }
      let mistakes =
        evaluation.classes.count <= Self.mostClasses
        ? matrix(evaluation, group.label)
        : table(evaluation, group.label)
      return mistakes + images(evaluation, group.label)
    }
    return charts(figures)
  }

  private func matrix(_ evaluation: RunEvaluation, _ label: String) -> String {
    let classes = evaluation.classes
    var values = classes.map { _ in [Double?](repeating: nil, count: classes.count) }
    for confusion in evaluation.confusions {
      let share = 100 * Double(confusion.images) / Double(max(1, classes[confusion.label].images))
      values[confusion.label][confusion.predicted] = share
    }
    let title = "\(label): mistakes, % of a class, top-1 \(fixed(evaluation.top1, 2)) %"
    if evaluation.confusions.isEmpty {
      return figure(title, "<p>No image is taken for another class.</p>")
    }
    return HeatMap(
      title: title,
      rows: classes.map { score in
        score.images == 0
          ? cut(score.name)
          : "\(cut(score.name)) (\(fixed(100 * Double(score.hits) / Double(score.images), 0)) %)"
      }, columns: classes.map { cut($0.name) }, values: values, xLabel: "taken for",
      turnsColumns: true
    ).html
  }

  private func table(_ evaluation: RunEvaluation, _ label: String) -> String {
    let rows = evaluation.confusions.prefix(Self.mostRows).map { confusion in
      let own = evaluation.classes[confusion.label]
      return "<tr><th>\(escaped(cut(own.name)))</th>"
        + "<td>\(escaped(cut(evaluation.classes[confusion.predicted].name)))</td>"
        + "<td>\(confusion.images) of \(own.images)</td></tr>"
    }
    return figure(
      "\(label): most frequent mistakes, top-1 \(fixed(evaluation.top1, 2)) %",
      "<div class='scroll'><table><thead><tr><th>class</th><th>taken for</th><th>images</th></tr>"
        + "</thead><tbody>\(rows.joined())</tbody></table></div>")
  }

  private func images(_ evaluation: RunEvaluation, _ label: String) -> String {
    if evaluation.worst.isEmpty { return "" }
    let cards = evaluation.worst.map { image in
      let picture =
        image.picture.map {
          "<img alt='' src='data:image/png;base64,\($0)'>"
        } ?? ""
      let says =
        "\(cut(image.label)) → \(cut(image.predicted)) "
        + "(\(fixed(100 * image.probability, 0)) %), loss \(fixed(image.loss, 2))"
      let name = URL(fileURLWithPath: image.image).lastPathComponent
      return "<li title='\(escaped(oneLine(image.image)))'>\(picture)<span>\(escaped(says))<br>"
        + "<small>\(escaped(oneLine(name)))</small></span></li>"
    }
    return figure(
      "\(label): images with the largest loss", "<ul class='images'>\(cards.joined())</ul>",
      isWide: true)
  }

  /// A name in the room that a row's label has.
  private func cut(_ name: String) -> String {
    let name = oneLine(name)
    return name.count <= 20 ? name : name.prefix(19) + "…"
  }
}
