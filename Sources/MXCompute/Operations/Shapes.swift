import MXRuntime

/// Attention of B sequences with T tokens, of H heads with K = C/H channels each. qkv [B·T, 3·C] has queries, keys and
/// values behind each other, heads side by side within each. Bias, softmax, and what comes out are in single precision.
///
/// With products of `bf16`, queries, keys, values and the gradient of the output are rounded to bfloat16 (nearest, ties to even, infinity
/// above the largest; magnitudes below 2⁻⁵⁶ become zero), the probabilities P for P·V and Pᵀ·dO, and the gradient of the scores
/// for its products with keys and queries. A sum in single precision runs over the pairs of terms 2t and 2t + 1 in ascending
/// order, in each the odd one first, every term added with one rounding; an odd number of terms ends with a zero. AVX-512's
/// instruction for bfloat16 computes that, and so does every other instruction set. With `fp32`, every sum is in ascending
/// order. Documentation/Numerics.md, section 4.
package struct AttentionShape: Sendable {
  package let tokens, width, heads: Int
  /// What its products are of.
  package let precision: OperandPrecision

  package init(tokens: Int, width: Int, heads: Int, precision: OperandPrecision = .fp32) {
    (self.tokens, self.width, self.heads) = (tokens, width, heads)
    self.precision = precision
  }
}

/// What is added to the scaled scores of attention.
package struct ScoreTerms {
  /// [H, T·T], of each head; nil for none.
  package var bias: FloatMatrix?
  /// [W, T·T], of each sequence s number s mod W; nil for none.
  package var masks: FloatMatrix?

  package init(bias: FloatMatrix? = nil, masks: FloatMatrix? = nil) {
    (self.bias, self.masks) = (bias, masks)
  }
}

/// Square images, cut into square patches: P of L = channels · patch² numbers, in the order channel, row, column.
package struct PatchGrid: Sendable {
  package let channels, imageSize, patch: Int
  /// What the products of their projection are of.
  package var precision = OperandPrecision.fp32
  /// P.
  package var count: Int { (imageSize / patch) * (imageSize / patch) }
  /// L.
  package var length: Int { channels * patch * patch }

  package init(channels: Int, imageSize: Int, patch: Int) {
    (self.channels, self.imageSize, self.patch) = (channels, imageSize, patch)
  }
}

/// Which rows of an image become which: the same for every image.
package struct RowMap: Sendable {
  /// For every row of the result the row of the image that it is; −1 for a row of zeros.
  package let sources: [Int]
  /// Rows of an image.
  package let length: Int

  package init(_ sources: [Int], of length: Int) {
    precondition(sources.allSatisfy { -1..<length ~= $0 }, "rows beyond \(length)")
    (self.sources, self.length) = (sources, length)
  }

  /// The map back: every row of the image from where it went.
  package var inverse: RowMap {
    var back = [Int](repeating: -1, count: length)
    for (row, source) in sources.enumerated() where source >= 0 { back[source] = row }
    return RowMap(back, of: sources.count)
  }

  /// The row that a row of the result is, counted over all images; nil for zeros.
  func source(of row: Int) -> Int? {
    let (image, place) = row.quotientAndRemainder(dividingBy: sources.count)
    return sources[place] < 0 ? nil : image * length + sources[place]
  }

  /// Rows that `rows` rows become.
  package func rows(_ rows: Int) -> Int { rows / length * sources.count }
}

/// No map: every row is its own.
extension RowMap? {
  /// The row that a row of the result is, counted over all images; nil for zeros.
  func source(of row: Int) -> Int? { if let self { self.source(of: row) } else { row } }

  /// Rows that `rows` rows become.
  package func rows(_ rows: Int) -> Int { self?.rows(rows) ?? rows }
}
