import Foundation
import Runtime

/// What a batch scores: sums over its images.
public struct BatchScore: Sendable {
  /// Σ of the cross entropies.
  public var loss = 0.0
  /// How many labels are the largest logit.
  public var top1 = 0
  /// How many labels are among the five largest logits.
  public var top5 = 0
  /// How many images there are.
  public var count = 0

  /// Nothing scored yet.
  public init() {}

  mutating func add(_ other: BatchScore) {
    loss += other.loss
    top1 += other.top1
    top5 += other.top5
    count += other.count
  }

  /// The mean loss; NaN without images.
  public var meanLoss: Double { loss / Double(count) }
  /// Top-1 accuracy in percent.
  public var top1Percent: Double { 100 * Double(top1) / Double(count) }
  /// Top-5 accuracy in percent.
  public var top5Percent: Double { 100 * Double(top5) / Double(count) }
}

/// Softmax cross entropy with label smoothing ε: the target of an image is (1 − ε) on its label plus ε/K
/// on each of the K classes.
///
/// - Parameters:
///   - logits: [B, K].
///   - dlogits: [B, K]; the gradient of the mean loss is written here, where given.
/// - Returns: sums over the batch. Of equal logits the first ranks higher, and NaN ranks highest, so that a
///   broken model scores nothing.
public func crossEntropy(
  _ logits: FloatMatrix, labels: [Int], smoothing: Float = 0, dlogits: FloatMatrix? = nil
) -> BatchScore {
  precondition(logits.rows == labels.count, "\(logits.rows) rows for \(labels.count) labels")
  let classes = logits.columns
  var score = BatchScore()
  score.count = labels.count
  let spread = Double(smoothing) / Double(classes)
  for (row, label) in labels.enumerated() {
    let z = UnsafeBufferPointer(start: logits.row(row), count: classes)
    let largest = Double(z.max() ?? 0)
    let sum = z.reduce(0.0) { $0 + exp(Double($1) - largest) }
    let logSum = largest + log(sum)
    var loss = -(1 - Double(smoothing)) * (Double(z[label]) - logSum)
    if spread > 0 { loss -= spread * z.reduce(0.0) { $0 + (Double($1) - logSum) } }
    score.loss += loss
    let rank = z.enumerated().count { index, value in
      index != label && !(value < z[label] || (value == z[label] && index > label))
    }
    if rank < 1 { score.top1 += 1 }
    if rank < 5 { score.top5 += 1 }
    if let dlogits {
      let target = dlogits.row(row)
      for k in 0..<classes {
        let p = exp(Double(z[k]) - logSum)
        let y = spread + (k == label ? 1 - Double(smoothing) : 0)
        target[k] = Float((p - y) / Double(labels.count))
      }
    }
  }
  return score
}
