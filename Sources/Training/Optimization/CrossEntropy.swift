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
/// on each of the K classes. In a batch that was mixed (mixup, CutMix), 1 − ε is shared out between its label and that of the
/// image with which it was mixed.
///
/// - Parameters:
///   - logits: [B, K].
///   - mixedShare: λ, the share of label i in image i; the rest is label B − 1 − i (`Batch.mixedShare`).
///   - dlogits: [B, K]; the gradient of the mean loss is written here, where given.
/// - Returns: sums over the batch; a hit is one of label i, however large its share. Of equal logits the first ranks higher, and NaN ranks highest, so that a
///   broken model scores nothing.
public func crossEntropy(
  _ logits: FloatMatrix, labels: [Int], mixedShare: Float = 1, smoothing: Float = 0,
  dlogits: FloatMatrix? = nil
) -> BatchScore {
  precondition(logits.rows == labels.count, "\(logits.rows) rows for \(labels.count) labels")
  let classes = logits.columns
  var score = BatchScore()
  score.count = labels.count
  let spread = Double(smoothing) / Double(classes)
  let confidence = 1 - Double(smoothing)
  for (row, label) in labels.enumerated() {
    let partner = labels[labels.count - 1 - row]
    let shares = [
      (label, confidence * Double(mixedShare)), (partner, confidence * Double(1 - mixedShare)),
    ]
    let z = UnsafeBufferPointer(start: logits.row(row), count: classes)
    let largest = Double(z.max() ?? 0)
    let sum = z.reduce(0.0) { $0 + exp(Double($1) - largest) }
    let logSum = largest + log(sum)
    var loss = shares.reduce(0) { $0 - $1.1 * (Double(z[$1.0]) - logSum) }
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
        let y = shares.reduce(spread) { k == $1.0 ? $0 + $1.1 : $0 }
        target[k] = Float((p - y) / Double(labels.count))
      }
    }
  }
  return score
}
