import MXRuntime

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension CPU {
  /// Softmax cross entropy, in double precision. With smoothing ε the target of an image is (1 − ε) on its label plus
  /// ε/K on each of the K classes; in a batch that was mixed, 1 − ε is shared out between two labels.
  ///
  /// A hit is one of label i, however large its share. Of equal logits the first ranks higher, and NaN ranks highest, so
  /// that a broken model scores nothing.
  package func crossEntropy(
    _ logits: FloatMatrix, _ targets: Targets, gradient: FloatMatrix?
  ) -> BatchScore {
    let labels = targets.labels
    precondition(logits.rows == labels.count, "\(logits.rows) rows for \(labels.count) labels")
    let classes = logits.columns
    var score = BatchScore()
    score.count = labels.count
    if isDry { return score }
    let spread = Double(targets.smoothing) / Double(classes)
    let confidence = 1 - Double(targets.smoothing)
    let own = confidence * Double(targets.mixedShare)
    let others = confidence * Double(1 - targets.mixedShare)
    for (row, label) in labels.enumerated() {
      let partner = labels[labels.count - 1 - row]
      let z = UnsafeBufferPointer(start: logits.row(row), count: classes)
      let largest = Double(z.max() ?? 0)
      let sum = z.reduce(0.0) { $0 + exp(Double($1) - largest) }
      let logSum = largest + log(sum)
      var loss = 0 - own * (Double(z[label]) - logSum)
      loss -= others * (Double(z[partner]) - logSum)
      if spread > 0 { loss -= spread * z.reduce(0.0) { $0 + (Double($1) - logSum) } }
      score.loss += loss
      let rank = z.enumerated().count { index, value in
        index != label && !(value < z[label] || (value == z[label] && index > label))
      }
      if rank < 1 { score.top1 += 1 }
      if rank < 5 { score.top5 += 1 }
      guard let gradient else { continue }
      let target = gradient.row(row)
      for k in 0..<classes {
        let p = exp(Double(z[k]) - logSum)
        var y = spread
        if k == label { y += own }
        if k == partner { y += others }
        target[k] = Float((p - y) / Double(labels.count))
      }
    }
    return score
  }
}
