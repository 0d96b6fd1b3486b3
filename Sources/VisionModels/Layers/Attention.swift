import MXLinear
import Runtime

// Shapes: B batch, T tokens, C channels, H heads, K = C/H channels a head.
// qkv [B·T, 3·C]: queries, keys, values behind each other, heads side by side within each.

/// Multi-head self-attention between its two projections: softmax(Q·Kᵀ/√K)·V, in single precision.
///
/// The T × T probabilities are not kept: the backward pass computes them again from Q and K, which costs
/// one more product in seven and saves H·T²/C numbers a token.
struct Attention: Sendable {
  let tokens: Int
  let width: Int
  let heads: Int

  private var headWidth: Int { width / heads }
  private var scale: Float { 1 / Float(headWidth).squareRoot() }

  /// qkv [B·T, 3·C] → o [B·T, C].
  func forward(_ qkv: FloatMatrix, _ pass: Pass) -> FloatMatrix {
    let o = pass.arena.matrix(rows: qkv.rows, columns: width)
    forEachHead(qkv, matrices: 1, pass) { q, k, v, head, scratch in
      let p = scratch[0]
      probabilities(q, k, p)
      BLAS.gemm(
        m: tokens, n: headWidth, k: tokens, p.base, tokens, v, 3 * width, o.base + head, width)
    }
    return o
  }

  /// do [B·T, C] → dqkv [B·T, 3·C].
  func backward(do dO: FloatMatrix, qkv: FloatMatrix, _ pass: Pass) -> FloatMatrix {
    let dqkv = pass.arena.matrix(rows: qkv.rows, columns: 3 * width)
    forEachHead(qkv, matrices: 2, pass) { q, k, v, head, scratch in
      let (p, dp) = (scratch[0], scratch[1])
      let dOutput = dO.base + head
      // The same place in rows that are three times as long.
      let row = head / (tokens * width) * tokens
      let dq = dqkv.row(row) + head % width
      let (dk, dv) = (dq + width, dq + 2 * width)
      let stride = 3 * width
      probabilities(q, k, p)
      BLAS.gemm(
        transposeA: true, m: tokens, n: headWidth, k: tokens, p.base, tokens, dOutput, width, dv,
        stride)
      BLAS.gemm(
        transposeB: true, m: tokens, n: tokens, k: headWidth, dOutput, width, v, stride, dp.base,
        tokens)
      Kernels.current.softmaxBackward(p: p, dp: dp, scale: scale)
      BLAS.gemm(m: tokens, n: headWidth, k: tokens, dp.base, tokens, k, stride, dq, stride)
      BLAS.gemm(
        transposeA: true, m: tokens, n: headWidth, k: tokens, dp.base, tokens, q, stride, dk, stride
      )
    }
    return dqkv
  }

  /// p [T, T] = softmax(q·kᵀ/√K) of one head.
  private func probabilities(_ q: UnsafePointer<Float>, _ k: UnsafePointer<Float>, _ p: FloatMatrix)
  {
    BLAS.gemm(
      transposeB: true, m: tokens, n: tokens, k: headWidth, q, 3 * width, k, 3 * width, p.base,
      tokens)
    Kernels.current.softmax(p, scale: scale)
  }

  /// Calls `body` for every head of every image, in parallel, with the head's q, k, v, the offset of
  /// the head's first number in a [B·T, C] matrix, and `matrices` T × T matrices of scratch.
  private func forEachHead(
    _ qkv: FloatMatrix, matrices: Int, _ pass: Pass,
    _ body: (
      _ q: UnsafePointer<Float>, _ k: UnsafePointer<Float>, _ v: UnsafePointer<Float>, _ head: Int,
      _ scratch: [FloatMatrix]
    ) -> Void
  ) {
    let items = qkv.rows / tokens * heads
    // A slice works through its heads one by one in one set of scratch matrices.
    let slices = min(items, 32)
    pass.arena.scratch {
      let scratch = (0..<slices * matrices).map { _ in
        pass.arena.matrix(rows: tokens, columns: tokens)
      }
      parallelFor(slices) { slice in
        let own = Array(scratch[slice * matrices..<(slice + 1) * matrices])
        for item in items * slice / slices..<items * (slice + 1) / slices {
          let (image, head) = item.quotientAndRemainder(dividingBy: heads)
          let q = UnsafePointer(qkv.row(image * tokens) + head * headWidth)
          body(q, q + width, q + 2 * width, image * tokens * width + head * headWidth, own)
        }
      }
    }
  }
}
