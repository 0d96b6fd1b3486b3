import MXFormats
import MXRuntime

// Sums of products run in ascending order, or pair by pair (`OperandPrecision`), each product added with one rounding.

extension Reference {
  package func attention(
    _ qkv: FloatMatrix, _ shape: AttentionShape, _ terms: ScoreTerms, into o: FloatMatrix,
    arena: Arena
  ) {
    let dot = Self.dot(shape.precision)
    forEachHead(qkv, shape) { sequence, head in
      let p = probabilities(qkv, shape, terms, sequence, head)
      for i in 0..<shape.tokens {
        for k in 0..<shape.headWidth {
          o.row(sequence * shape.tokens + i)[head * shape.headWidth + k] = dot(shape.tokens) {
            (p[i][$0], value(qkv, shape, .value, sequence, head, $0, k))
          }
        }
      }
    }
  }

  // With p the probabilities: dv = pᵀ·do, dp = do·vᵀ, ds = scale·p·(dp − Σ dp·p), dq = ds·k, dk = dsᵀ·q, dBias = ds/scale.
  package func attentionBackward(
    _ qkv: FloatMatrix, _ shape: AttentionShape, _ terms: ScoreTerms, dO: FloatMatrix,
    into dqkv: FloatMatrix, dBias: FloatMatrix?, arena: Arena
  ) {
    let (tokens, width) = (shape.tokens, shape.headWidth)
    let dot = Self.dot(shape.precision)
    let sequences = qkv.rows / tokens
    // Sums of the bias's gradient: over an eighth of the sequences, then over the eighths.
    let length = terms.bias == nil ? 1 : (sequences + 7) / 8
    var slices = [[Float]](
      repeating: [Float](repeating: 0, count: dBias?.count ?? 0),
      count: dBias == nil ? 0 : (sequences + length - 1) / length)
    forEachHead(qkv, shape) { sequence, head in
      let p = probabilities(qkv, shape, terms, sequence, head)
      func slope(_ i: Int, _ k: Int) -> Float { dO.row(sequence * tokens + i)[head * width + k] }
      var ds = p
      for i in 0..<tokens {
        let dp = (0..<tokens).map { j in
          dot(width) { (slope(i, $0), value(qkv, shape, .value, sequence, head, j, $0)) }
        }
        var lanes = [Float](repeating: 0, count: Self.lanes)
        for j in 0..<tokens { lanes[j % Self.lanes].addProduct(p[i][j], dp[j]) }
        let mean = Self.sum(lanes)
        for j in 0..<tokens { ds[i][j] = p[i][j] * shape.scale * (dp[j] - mean) }
        if dBias != nil {
          for j in 0..<tokens {
            let place = (head * tokens + i) * tokens + j
            slices[sequence / length][place].addProduct(ds[i][j], 1 / shape.scale)
          }
        }
      }
      for i in 0..<tokens {
        for k in 0..<width {
          let line = dqkv.row(sequence * tokens + i) + head * width + k
          line[0] = dot(tokens) { (ds[i][$0], value(qkv, shape, .key, sequence, head, $0, k)) }
          line[shape.width] = dot(tokens) {
            (ds[$0][i], value(qkv, shape, .query, sequence, head, $0, k))
          }
          line[2 * shape.width] = dot(tokens) { (p[$0][i], slope($0, k)) }
        }
      }
    }
    for place in 0..<(dBias?.count ?? 0) {
      dBias?.elements[place] = slices.reduce(0) { $0 + $1[place] }
    }
  }

  private enum Part: Int { case query, key, value }

  private func value(
    _ qkv: FloatMatrix, _ shape: AttentionShape, _ part: Part, _ sequence: Int, _ head: Int,
    _ token: Int, _ channel: Int
  ) -> Float {
    qkv.row(sequence * shape.tokens + token)[
      part.rawValue * shape.width + head * shape.headWidth + channel]
  }

  /// Σ a·b, one rounding a term.
  private static func dot(
    _ precision: OperandPrecision
  ) -> (_ count: Int, _ factors: (Int) -> (Float, Float)) -> Float {
    { count, factors in
      var sum: Float = 0
      func add(_ index: Int) {
        let (a, b) = factors(index)
        switch precision {
        case .fp32: sum.addProduct(a, b)
        case .bf16: sum.addProduct(narrow(a), narrow(b))
        }
      }
      switch precision {
      case .fp32: for index in 0..<count { add(index) }
      case .bf16:
        for even in stride(from: 0, to: count, by: 2) {
          if even + 1 < count { add(even + 1) }
          add(even)
        }
      }
      return sum
    }
  }

  /// A factor in bfloat16; magnitudes below 2⁻⁵⁶ become zero.
  ///
  /// Then all are multiples of 2⁻⁶³ and all sums of their products of 2⁻¹²⁶: none is subnormal, which instructions for
  /// bfloat16 take for zero.
  private static func narrow(_ x: Float) -> Float {
    x.magnitude < 0x1p-56 ? 0 : x.roundedToBFloat16
  }

  private func forEachHead(
    _ qkv: FloatMatrix, _ shape: AttentionShape, _ body: (_ sequence: Int, _ head: Int) -> Void
  ) {
    for sequence in 0..<qkv.rows / shape.tokens {
      for head in 0..<shape.heads { body(sequence, head) }
    }
  }

  /// softmax(scale·q·kᵀ + bias + mask) of one head, as powers of two: with c = scale·log₂e and m the largest score of a
  /// row, 2^(c·s − c·m).
  private func probabilities(
    _ qkv: FloatMatrix, _ shape: AttentionShape, _ terms: ScoreTerms, _ sequence: Int, _ head: Int
  ) -> [[Float]] {
    let tokens = shape.tokens
    let c = shape.scale * 0x1.715476p0
    let dot = Self.dot(shape.precision)
    return (0..<tokens).map { i in
      var scores = (0..<tokens).map { j in
        dot(shape.headWidth) {
          (
            value(qkv, shape, .query, sequence, head, i, $0),
            value(qkv, shape, .key, sequence, head, j, $0)
          )
        }
      }
      if terms.bias != nil || terms.masks != nil {
        for j in 0..<tokens {
          var added: Float = 0
          if let bias = terms.bias { added += bias.row(head)[i * tokens + j] }
          if let masks = terms.masks { added += masks.row(sequence % masks.rows)[i * tokens + j] }
          scores[j].addProduct(added, 1 / shape.scale)
        }
      }
      let offset = -(scores.max() ?? 0) * c
      let powers = scores.map { Self.powerOfTwo(offset.addingProduct($0, c)) }
      let factor = 1 / Self.sum(tokens) { powers[$0] }
      return powers.map { $0 * factor }
    }
  }

  /// 2ᵗ for t ≤ 0, and 0 for t below −64. t = n + r with |r| ≤ ½, 2ʳ by a polynomial, n by the exponent's bits.
  private static func powerOfTwo(_ t: Float) -> Float {
    if t < -64 { return 0 }
    let shifted = t + 0x1.8p23
    let r = t - (shifted - 0x1.8p23)
    var p: Float = 0x1.41d334p-13
    for coefficient: Float in [
      0x1.5f456ap-10, 0x1.3b2dbcp-7, 0x1.c6aed4p-5, 0x1.ebfbdap-3, 0x1.62e43p-1, 1,
    ] { p = coefficient.addingProduct(p, r) }
    return p * Float(bitPattern: (shifted.bitPattern << 23) &+ (127 << 23))
  }
}

extension AttentionShape {
  /// K.
  var headWidth: Int { width / heads }
  /// 1/√K.
  var scale: Float { 1 / Float(headWidth).squareRoot() }
}
