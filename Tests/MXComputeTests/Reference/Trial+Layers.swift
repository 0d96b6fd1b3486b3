import MXCompute
import MXFormats
import MXRuntime
import TestSupport

extension Trial {
  mutating func layers() {
    for (rows, columns) in Self.shapes {
      let (x, y) = (normals(rows, columns, seed: 10), arena.matrix(rows: rows, columns: columns))
      let (weight, bias) = (normals(1, columns, seed: 11), normals(1, columns, seed: 12))
      let (mean, rstd) = (
        arena.matrix(rows: 1, columns: rows), arena.matrix(rows: 1, columns: rows)
      )
      let norm = NormTerms(
        x, weight: weight, bias: bias, epsilon: 1e-6, mean: mean, rstd: rstd)
      compute.make(.layerNorm(norm), into: y, arena: arena, profile: nil)
      note("layer norm \(rows)×\(columns)", y, mean, rstd)
      let reversed = RowMap((0..<rows).reversed(), of: rows)
      for map in [nil, reversed] {
        let (dx, gradients) = (normals(rows, columns, seed: 13), normals(2, columns, seed: 14))
        compute.layerNormBackward(
          x, weight: weight, mean: mean, rstd: rstd, dy: normals(rows, columns, seed: 15),
          map: map, addingTo: dx, gradients: gradients, arena: arena)
        note("layer norm backward \(rows)×\(columns)", dx, gradients)
      }
    }
    let x = arena.matrix(rows: 1, columns: 4001) { Float($0 - 2000) / 100 }
    let (y, dx) = (arena.matrix(rows: 1, columns: 4001), normals(1, 4001, seed: 16))
    compute.make(.gelu(.matrix(x)), into: y, arena: arena, profile: nil)
    compute.make(
      .geluGradient(x: .matrix(x), dy: .matrix(dx)), into: dx, arena: arena, profile: nil)
    note("GELU", y, dx)
    let logits = normals(9, 7, seed: 17)
    let gradient = arena.matrix(rows: 9, columns: 7)
    let targets = Targets(labels: (0..<9).map { $0 % 7 }, mixedShare: 0.6, smoothing: 0.1)
    let score = compute.crossEntropy(logits, targets, gradient: gradient)
    note("cross entropy", gradient)
    note("its score", [score.loss, Double(score.top1), Double(score.top5)])
  }

  /// Of tokens beside whole vectors and beside a block of rows, and of several blocks, plain and with bias and masks.
  mutating func attention(_ precision: OperandPrecision) {
    for (tokens, width, heads, sequences) in [
      (5, 12, 2, 11), (49, 64, 2, 11), (65, 40, 1, 11), (197, 33, 1, 1),
    ] {
      let shape = AttentionShape(
        tokens: tokens, width: width, heads: heads, precision: precision)
      let qkv = normals(sequences * tokens, 3 * width, seed: 30)
      let bias = normals(heads, tokens * tokens, seed: 31)
      let masks = arena.matrix(rows: 3, columns: tokens * tokens) { $0 % 5 == 0 ? -100 : 0 }
      for terms in [ScoreTerms(), ScoreTerms(bias: bias), ScoreTerms(bias: bias, masks: masks)] {
        let o = arena.matrix(rows: sequences * tokens, columns: width)
        let dqkv = arena.matrix(rows: sequences * tokens, columns: 3 * width)
        compute.attention(qkv, shape, terms, into: o, arena: arena)
        let dBias = terms.bias.map { arena.matrix(rows: $0.rows, columns: $0.columns) }
        compute.attentionBackward(
          qkv, shape, terms, dO: normals(sequences * tokens, width, seed: 32), into: dqkv,
          dBias: dBias, arena: arena)
        let name = "\(tokens) tokens of \(width), \(terms.bias == nil ? "plain" : "with terms")"
        note("attention of \(name)", o)
        note("its gradients, \(name)", dqkv, dBias ?? o)
      }
    }
  }

  /// Attention of numbers about which bfloat16 begins and ends: sequences of very small ones, of some near 2⁻⁵⁶, of some
  /// near the largest, and with an infinity or a NaN.
  mutating func attentionOfExtremes(_ precision: OperandPrecision) {
    let (tokens, width, sequences) = (19, 11, 6)
    let shape = AttentionShape(tokens: tokens, width: width, heads: 1, precision: precision)
    let (qkv, dO) = (
      normals(sequences * tokens, 3 * width, seed: 33), normals(sequences * tokens, width, seed: 34)
    )
    for x in [qkv, dO] {
      let length = tokens * x.columns
      for place in 0..<length {
        x.elements[place] *= 0x1p-60
        x.elements[length + place] *= place % 3 == 0 ? 0x1p-56 : 1
        x.elements[2 * length + place] *= place % 5 == 0 ? 0x1p126 : 1
        x.elements[3 * length + place] = .leastNonzeroMagnitude * Float(place % 3)
      }
      x.elements[4 * length + 7] = .infinity
      x.elements[5 * length + 7] = .nan
    }
    let o = arena.matrix(rows: sequences * tokens, columns: width)
    let dqkv = arena.matrix(rows: sequences * tokens, columns: 3 * width)
    compute.attention(qkv, shape, ScoreTerms(), into: o, arena: arena)
    compute.attentionBackward(
      qkv, shape, ScoreTerms(), dO: dO, into: dqkv, dBias: nil, arena: arena)
    // Which NaN it is, is the processor's choice.
    for x in [o, dqkv] {
      for place in 0..<x.count where x.elements[place].isNaN { x.elements[place] = .nan }
    }
    for sequence in 0..<sequences {
      for x in [o, dqkv] {
        let part = arena.matrix(rows: tokens, columns: x.columns)
        part.base.update(from: x.row(sequence * tokens), count: part.count)
        note("attention of extremes, sequence \(sequence)", part)
      }
    }
  }
}
