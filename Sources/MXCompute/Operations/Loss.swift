/// What the images of a batch are to be taken for.
package struct Targets {
  /// The label of each image.
  package let labels: [Int]
  /// λ, the share of label i in image i; the rest is that of label B − 1 − i, with whose image it was mixed.
  package let mixedShare: Float
  /// ε, which is shared out among all classes.
  package let smoothing: Float

  package init(labels: [Int], mixedShare: Float = 1, smoothing: Float = 0) {
    (self.labels, self.mixedShare, self.smoothing) = (labels, mixedShare, smoothing)
  }
}

/// What a batch scores: sums over its images.
package struct BatchScore: BitwiseCopyable, Sendable {
  /// Σ of the cross entropies.
  package var loss = 0.0
  /// How many labels are the largest logit.
  package var top1 = 0
  /// How many labels are among the five largest logits.
  package var top5 = 0
  /// How many images there are.
  package var count = 0

  /// Nothing scored yet.
  package init() {}

  package mutating func add(_ other: BatchScore) {
    loss += other.loss
    top1 += other.top1
    top5 += other.top5
    count += other.count
  }

  /// The mean loss; NaN without images.
  package var meanLoss: Double { loss / Double(count) }
  /// Top-1 accuracy in percent.
  package var top1Percent: Double { 100 * Double(top1) / Double(count) }
  /// Top-5 accuracy in percent.
  package var top5Percent: Double { 100 * Double(top5) / Double(count) }
}
