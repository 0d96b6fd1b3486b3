import Files
import Foundation
import ImageData

/// Where an evaluation went right and wrong: by class, from class to class, and image by image.
package struct EvaluationDetails: Sendable {
  /// The classes by label.
  package let classNames: [String]
  /// Every image that was scored, in the order of the data set.
  package let images: [ImageScore]
  /// The images themselves, for names and pictures.
  let data: any ImageDataset

  /// What became of the images of one class.
  package struct ClassScore: Sendable {
    /// The class's name.
    package let name: String
    /// How many images it has, and how many of them the model gives this class.
    package internal(set) var images = 0, hits = 0
    /// How many images, of whatever class, the model gives this class.
    package internal(set) var predictions = 0
    /// Σ of the cross entropies.
    var loss = 0.0
    /// Hits in percent; nil without images.
    package var top1: Double? { images > 0 ? 100 * Double(hits) / Double(images) : nil }
    /// The mean cross entropy; nil without images.
    package var meanLoss: Double? { images > 0 ? loss / Double(images) : nil }
  }

  /// A class whose images the model takes for another's.
  package struct Confusion: Sendable {
    /// Labels: the images' own, and the one that the model gives them.
    package let label, predicted: Int
    /// How many images there are.
    package let images: Int
  }

  /// The classes by label.
  package var classes: [ClassScore] {
    var classes = classNames.map { ClassScore(name: $0) }
    for image in images {
      let (label, predicted) = (Int(image.label), Int(image.predicted))
      classes[label].images += 1
      classes[label].loss += image.loss
      if image.isHit { classes[label].hits += 1 }
      classes[predicted].predictions += 1
    }
    return classes
  }

  /// The confusion matrix without its diagonal and its zeros, the most frequent first; a matrix of 1,000 classes has a
  /// million places, and a test set few mistakes.
  package var confusions: [Confusion] {
    var counts: [Int: Int] = [:]
    for image in images where !image.isHit {
      counts[Int(image.label) * classNames.count + Int(image.predicted), default: 0] += 1
    }
    return counts.map { place, count in
      Confusion(
        label: place / classNames.count, predicted: place % classNames.count, images: count)
    }.sorted { ($1.images, $0.label, $0.predicted) < ($0.images, $1.label, $1.predicted) }
  }

  /// The images with the largest losses, the largest first.
  package func worst(_ count: Int) -> [ImageScore] {
    Array(images.sorted { ($1.loss, $0.image) < ($0.loss, $1.image) }.prefix(count))
  }

  /// What messages call an image.
  package func name(_ image: ImageScore) -> String { data.name(Int(image.image)) }

  /// A class's name.
  package func className(_ label: Int32) -> String { classNames[Int(label)] }
}

// MARK: - As JSON

extension EvaluationDetails {
  /// Members `classes`, `confusions` and `worst_images`.
  ///
  /// - Parameters:
  ///   - confusions: at most so many, the most frequent.
  ///   - picture: an image as a PNG file; nil for none.
  package func line(
    confusions limit: Int = .max, worst: Int, picture: ((ImageScore) -> [UInt8]?)? = nil
  ) -> JSONLine {
    var line = JSONLine()
    line.add("classes", classes.map(Self.object))
    line.add(
      "confusions",
      confusions.prefix(limit).map { confusion in
        var object = JSONLine()
        object.add("class", classNames[confusion.label])
        object.add("predicted", classNames[confusion.predicted])
        object.add("images", confusion.images)
        return object
      })
    line.add("worst_images", self.worst(worst).map { object($0, picture: picture?($0)) })
    return line
  }

  private static func object(_ score: ClassScore) -> JSONLine {
    var object = JSONLine()
    object.add("class", score.name)
    object.add("images", score.images)
    object.add("hits", score.hits)
    object.add("predictions", score.predictions)
    if let top1 = score.top1 { object.add("top1", top1) }
    if let loss = score.meanLoss { object.add("loss", loss) }
    return object
  }

  private func object(_ image: ImageScore, picture: [UInt8]?) -> JSONLine {
    var object = JSONLine()
    object.add("image", name(image))
    object.add("class", className(image.label))
    object.add("predicted", className(image.predicted))
    object.add("loss", image.loss)
    object.add("probability", image.probability)
    object.add("class_probability", image.labelProbability)
    if let picture { object.add("picture", Data(picture).base64EncodedString()) }
    return object
  }
}
