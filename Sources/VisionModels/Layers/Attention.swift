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

  /// qkv [B·T, 3·C] → o [B·T, C], overwritten.
  func forward(_ qkv: FloatMatrix, o: FloatMatrix, _ pass: Pass) {
    forEachHead(qkv, pass) { head, row, column, scratch in
      Kernels.current.attention(head, o: o.row(row) + column, scratch: scratch)
    }
  }

  /// do [B·T, C] → dqkv [B·T, 3·C], in scratch memory.
  func backward(do dO: FloatMatrix, qkv: FloatMatrix, _ pass: Pass) -> FloatMatrix {
    let dqkv = pass.scratch.matrix(rows: qkv.rows, columns: 3 * width)
    forEachHead(qkv, pass) { head, row, column, scratch in
      let dq = dqkv.row(row) + column
      Kernels.current.attentionBackward(
        head, dOutput: dO.row(row) + column, dq: dq, dk: dq + width, dv: dq + 2 * width,
        scratch: scratch)
    }
    return dqkv
  }

  /// Calls `body` for every head of every image, in parallel, with its first row and column in a [B·T, C]
  /// matrix and scratch for the kernels.
  private func forEachHead(
    _ qkv: FloatMatrix, _ pass: Pass,
    _ body: (
      _ head: Kernels.AttentionHead, _ row: Int, _ column: Int, UnsafeMutablePointer<Float>
    ) -> Void
  ) {
    let headWidth = width / heads
    let scale = 1 / Float(headWidth).squareRoot()
    let workers = Threads.count
    let need = (Kernels.current.attentionScratch(tokens: tokens, width: headWidth) + 15) / 16 * 16
    pass.profile.measure(.attention) {
      pass.scratch.scratch {
        let scratch = pass.scratch.allocate(workers * need)
        parallelFor(qkv.rows / tokens * heads, workers: workers) { item, worker in
          let (image, head) = item.quotientAndRemainder(dividingBy: heads)
          let (row, column) = (image * tokens, head * headWidth)
          let q = UnsafePointer(qkv.row(row) + column)
          body(
            Kernels.AttentionHead(
              q: q, k: q + width, v: q + 2 * width, stride: 3 * width, outputStride: width,
              tokens: tokens, width: headWidth, scale: scale), row, column, scratch + worker * need)
        }
      }
    }
  }
}
