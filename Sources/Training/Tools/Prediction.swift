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

extension DeployedModel {
  /// The likeliest classes of an image file, best first; of equal ones the first in number.
  ///
  /// - Parameter count: how many classes; all where there are fewer.
  /// - Throws: `FileError`, `ImageError`, `LoaderError`, `NonFiniteTensor`.
  package func predict(_ path: String, count: Int) throws -> [Prediction] {
    try predict([prepare([path], threads: 1)[0].get()], count: count)[0]
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

  /// The likeliest classes of each of some prepared images, as above.
  ///
  /// - Throws: `NonFiniteTensor`.
  package func predict(_ images: [[Float]], count: Int) throws -> [[Prediction]] {
    guard let length = images.first?.count else { return [] }
    let input = AlignedBuffer<Float>(count: images.count * length)
    for (index, image) in images.enumerated() {
      precondition(image.count == length, "images of \(image.count) and of \(length) numbers")
      _ = input.elements[(index * length)...].update(fromContentsOf: image)
    }
    return try withExtendedLifetime(input) {
      try logits(input.matrix(rows: images.count)) { logits in
        try (0..<logits.rows).map { image in
          try predictions(
            Array(UnsafeBufferPointer(start: logits.row(image), count: logits.columns)),
            count: count)
        }
      }
    }
  }

  /// The logits [B, K] of images [B, channels · imageSize · imageSize], for as long as `body` runs.
  ///
  /// - Throws: `NonFiniteTensor`.
  func logits<Result>(
    _ images: FloatMatrix, _ body: (FloatMatrix) throws -> Result
  ) throws -> Result {
    try workspace.frame {
      let encoded = Arena(chunkCount: 1 << 16)
      let pass = try model.evaluationPass(
        compute, weights: weights, averages: averages, codes: codes, workspace: workspace,
        encoded: encoded)
      return try withExtendedLifetime(encoded) { try body(model.logits(images, pass)) }
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
