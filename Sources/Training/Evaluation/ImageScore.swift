import Foundation
import MXRuntime

/// What a model made of one image.
package struct ImageScore: BitwiseCopyable, Sendable {
  /// Which image of the data set it is.
  package let image: Int32
  /// Its class, and the one that the model gives it: the largest logit, of equal ones the first.
  package let label, predicted: Int32
  /// The cross entropy.
  package let loss: Double
  /// Softmax of the predicted class and of the image's own, 0…1.
  package let probability, labelProbability: Float

  /// Whether the model is right.
  var isHit: Bool { label == predicted }

  /// The scores of a batch, by the arithmetic of `crossEntropy` without smoothing.
  ///
  /// - Parameters:
  ///   - logits: [B, K].
  ///   - images: the place of each image in its data set, B of them.
  static func scores(_ logits: FloatMatrix, labels: [Int], images: [Int]) -> [ImageScore] {
    zip(labels, images).enumerated().map { row, pair in
      let (label, image) = pair
      let z = UnsafeBufferPointer(start: logits.row(row), count: logits.columns)
      let largest = Double(z.max() ?? 0)
      let logSum = largest + log(z.reduce(0.0) { $0 + exp(Double($1) - largest) })
      let predicted = z.indices.max { z[$0] < z[$1] || z[$0] == z[$1] && $0 > $1 } ?? label
      return ImageScore(
        image: Int32(image), label: Int32(label), predicted: Int32(predicted),
        loss: logSum - Double(z[label]), probability: Float(exp(Double(z[predicted]) - logSum)),
        labelProbability: Float(exp(Double(z[label]) - logSum)))
    }
  }
}
