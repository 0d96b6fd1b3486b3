import Files
import Foundation
import ImageData
import MXCompute
import MXLinear
import MXRuntime
import Synchronization
import VisionModels

/// What a model sees in an image: one class and its probability.
package struct Prediction: Sendable, Equatable {
  /// The class's number.
  package let label: Int
  /// The class's name, "class 7" where the checkpoint has no names.
  package let name: String
  /// Softmax of the logits, 0…1.
  package let probability: Double
}

extension Checkpoint {
  /// The likeliest classes of an image file, best first; of equal ones the first in number.
  ///
  /// - Parameter count: how many classes; all where there are fewer.
  /// - Throws: `FileError`, `ImageError`, `LoaderError`, `NonFiniteTensor`.
  package func predict(
    _ path: String, count: Int, on compute: any TrainingCompute
  ) throws -> [Prediction] {
    try predict([prepare([path], threads: 1)[0].get()], count: count, on: compute)[0]
  }

  /// Image files as the model takes them: the way of evaluation, the shorter side resized, the middle kept. They are decoded
  /// on several threads.
  ///
  /// - Returns: for each file channels × imageSize × imageSize numbers, or why it cannot be read: `FileError`, `ImageError`,
  ///   `LoaderError`.
  package func prepare(_ paths: [String], threads: Int) -> [Result<[Float], any Error>] {
    let results = Mutex([Result<[Float], any Error>?](repeating: nil, count: paths.count))
    let preprocessing = recipe.preprocessing
    parallelFor(paths.count, threads: threads) { index in
      let result = Result {
        try preprocessing.prepared(
          .file(try EncodedImage(try readFile(paths[index]), name: paths[index])))
      }
      results.withLock { $0[index] = result }
    }
    return results.withLock { $0.map { $0! } }
  }

  /// The likeliest classes of each of some prepared images, as above. A 4-bit method's weights are quantized as they were in
  /// training.
  ///
  /// - Throws: `NonFiniteTensor`.
  package func predict(
    _ images: [[Float]], count: Int, on compute: any TrainingCompute
  ) throws -> [[Prediction]] {
    guard let length = images.first?.count else { return [] }
    let input = AlignedBuffer<Float>(count: images.count * length)
    for (index, image) in images.enumerated() {
      precondition(image.count == length, "images of \(image.count) and of \(length) numbers")
      _ = input.elements[(index * length)...].update(from: image)
    }
    let workspace = Workspace(chunkCount: 1 << 20)
    let logits = try withExtendedLifetime(input) {
      try model.logits(
        input.matrix(rows: images.count),
        Pass(
          compute, weights: weights, weightAverages: averages, workspace: workspace,
          context: StepContext(compute)))
    }
    let rows = Array(logits.elements)
    return try images.indices.map { image in
      try predictions(
        Array(rows[image * logits.columns..<(image + 1) * logits.columns]), count: count)
    }
  }

  private func predictions(_ logits: [Float], count: Int) throws -> [Prediction] {
    guard logits.allSatisfy(\.isFinite) else { throw NonFiniteTensor(tensor: "the logits") }
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
