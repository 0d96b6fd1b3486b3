import Files
import ImageData
import MXCompute

/// The last evaluation of a run, class by class: `evaluation.json`.
///
/// A few tens of kilobytes, however many images and classes there are: of the confusions the most frequent, of the images the
/// worst, with pictures as small as thumbs.
package struct RunEvaluation: Sendable {
  /// The step after which it was made.
  package let step: Int
  /// How many images were scored, and how many of them rightly, in percent.
  package let images: Int
  package let top1: Double
  /// The classes by label.
  package let classes: [ClassScore]
  /// The most frequent confusions.
  package let confusions: [EvaluationDetails.Confusion]
  /// The images with the largest losses.
  package let worst: [WorstImage]

  /// What became of the images of one class.
  package struct ClassScore: Sendable {
    /// Its name.
    package let name: String
    /// How many images it has, and how many of them the model gives this class.
    package let images, hits: Int
  }

  /// An image that the model is far off with.
  package struct WorstImage: Sendable {
    /// Its name, its class, and the one that the model gives it.
    package let image, label, predicted: String
    /// How sure the model is of that.
    package let probability: Double
    /// The cross entropy.
    package let loss: Double
    /// A PNG file in Base64; nil where the image could not be read again.
    package let picture: String?
  }

  private static let mostConfusions = 1000
  private static let worstImages = 12
  /// Pixels a side of a picture.
  private static let pictureSize = 64
  /// No picture takes more, in characters.
  fileprivate static let longestPicture = 1 << 16

  /// Writes the details of a run's last evaluation.
  ///
  /// - Parameter preprocessing: how the model saw the images; so they are pictured.
  /// - Throws: `FileError`.
  static func write(
    _ path: String, _ details: EvaluationDetails, score: BatchScore, step: Int,
    preprocessing: Preprocessing
  ) throws {
    var line = JSONLine()
    line.add("step", step)
    line.add("images", score.count)
    line.add("eval_top1", score.top1Percent)
    line.add("eval_loss", score.meanLoss)
    line.add(
      details.line(confusions: mostConfusions, worst: worstImages) { image in
        // A picture is a courtesy: without one, the name is there.
        try? picture(details.data, Int(image.image), preprocessing)
      })
    try writeFileAtomically(path, text: line.text + "\n")
  }

  private static func picture(
    _ data: any ImageDataset, _ index: Int, _ preprocessing: Preprocessing
  ) throws -> [UInt8] {
    let image = try data.content(index).fitted(
      size: min(pictureSize, preprocessing.imageSize), channels: preprocessing.channels,
      cropRatio: preprocessing.cropRatio)
    return try PNGEncoder.encode(image, name: data.name(index))
  }
}

// MARK: - Reading

extension RunEvaluation: Decodable {
  /// Reads `evaluation.json`.
  ///
  /// - Throws: `FileError`; a decoding error where the file is not an evaluation, or one that no run writes.
  package init(path: String) throws {
    self = try readJSON(path, limit: 1 << 25)
  }

  /// Reads the object.
  package init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: MemberName.self)
    step = try members.decode(Int.self, forKey: "step")
    images = try members.decode(Int.self, forKey: "images")
    top1 = try members.decode(Double.self, forKey: "eval_top1")
    classes = try members.decode([ClassScore].self, forKey: "classes")
    worst = try members.decode([WorstImage].self, forKey: "worst_images")
    let places = Dictionary(classes.enumerated().map { ($1.name, $0) }) { first, _ in first }
    confusions = try members.decode([NamedConfusion].self, forKey: "confusions").map { confusion in
      guard let label = places[confusion.label], let predicted = places[confusion.predicted] else {
        throw members.refusal("a confusion of a class that is not listed")
      }
      return EvaluationDetails.Confusion(
        label: label, predicted: predicted, images: confusion.images)
    }
    let (total, confused) = (
      classes.map(\.images).reduce(0) { $0 &+ $1 }, confusions.map(\.images).reduce(0) { $0 &+ $1 }
    )
    guard MetricsLimits.allow(count: step), MetricsLimits.allow(count: images), total == images,
      (0...images).contains(confused), MetricsLimits.allow(top1, for: "eval_top1")
    else { throw members.refusal("an evaluation whose counts do not add up") }
  }

  private struct NamedConfusion: Decodable {
    let label, predicted: String
    let images: Int

    private enum CodingKeys: String, CodingKey {
      case label = "class"
      case predicted, images
    }
  }
}

extension RunEvaluation.ClassScore: Decodable {
  /// Reads a class's object.
  package init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: MemberName.self)
    name = try members.decode(String.self, forKey: "class")
    images = try members.decode(Int.self, forKey: "images")
    hits = try members.decode(Int.self, forKey: "hits")
    guard MetricsLimits.allow(count: images), 0 <= hits, hits <= images else {
      throw members.refusal("a class's counts")
    }
  }
}

extension RunEvaluation.WorstImage: Decodable {
  /// Reads an image's object; a picture that is none is left out.
  package init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: MemberName.self)
    image = try members.decode(String.self, forKey: "image")
    label = try members.decode(String.self, forKey: "class")
    predicted = try members.decode(String.self, forKey: "predicted")
    probability = try members.decode(Double.self, forKey: "probability")
    loss = try members.decode(Double.self, forKey: "loss")
    guard (0...1).contains(probability), MetricsLimits.allow(loss, for: "eval_loss") else {
      throw members.refusal("an image's score")
    }
    // What a browser is given are the letters of Base64 and nothing that ends an attribute.
    picture = try members.decodeIfPresent(String.self, forKey: "picture").flatMap { text in
      let isBase64 = text.utf8.allSatisfy {
        switch $0 {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"),
          UInt8(ascii: "="):
          true
        default: false
        }
      }
      return isBase64 && text.utf8.count <= RunEvaluation.longestPicture ? text : nil
    }
  }
}
