import Foundation
import ImageData
import Runtime
import VisionModels

/// What a model sees in an image: one class and its probability.
public struct Prediction: Sendable, Equatable {
  /// The class's number.
  public let label: Int
  /// The class's name, "class 7" where the checkpoint has no names.
  public let name: String
  /// Softmax of the logits, 0…1.
  public let probability: Double
}

extension Checkpoint {
  /// The likeliest classes of an image file, best first; of equal ones the first in number.
  ///
  /// The image goes the way of evaluation: the shorter side resized, the middle kept; a 4-bit method's weights are
  /// quantized as they were in training.
  ///
  /// - Parameter count: how many classes; all where there are fewer.
  /// - Throws: `FileError`, `ImageError`, `LoaderError`, `NonFiniteTensor`.
  public func predict(_ path: String, count: Int) throws -> [Prediction] {
    let image = ImageContent.file(try EncodedImage(try readFile(path), name: path))
    let input = try recipe.preprocessing.prepared(image)
    let workspace = Workspace(chunkCount: 1 << 20)
    let logits = try input.withUnsafeBufferPointer { input in
      Array(
        try model.logits(
          input.baseAddress!, batch: 1,
          Pass(weights: weights, weightEMA: averages, workspace: workspace)
        ).elements)
    }
    let largest = Double(logits.max() ?? 0)
    let powers = logits.map { exp(Double($0) - largest) }
    let sum = powers.reduce(0, +)
    return logits.indices.sorted { (logits[$1], $0) < (logits[$0], $1) }.prefix(count).map {
      Prediction(
        label: $0, name: $0 < classNames.count ? classNames[$0] : "class \($0)",
        probability: powers[$0] / sum)
    }
  }
}
