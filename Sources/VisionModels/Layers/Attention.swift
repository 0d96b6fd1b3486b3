import MXLinear
import Runtime

// Shapes: B sequences (images, or windows), T tokens of a sequence, C channels, H heads, K = C/H channels a head.
// qkv [B·T, 3·C]: queries, keys, values behind each other, heads side by side within each.

/// Multi-head self-attention between its two projections: softmax(Q·Kᵀ/√K + bias + mask)·V, in single precision.
///
/// The T × T probabilities are not kept: the backward pass computes them again from Q and K, which costs
/// one more product in seven and saves H·T²/C numbers a token.
struct Attention: Sendable {
  let tokens: Int
  let width: Int
  let heads: Int
  /// In windows: what is added to the scores of each head.
  var bias: RelativePositionBias?
  /// In shifted windows: what is added to the scores of each window of an image, [W, T, T].
  var masks: AlignedBuffer<Float>?

  /// qkv [B·T, 3·C] → o [B·T, C], overwritten.
  func forward(_ qkv: FloatMatrix, o: FloatMatrix, _ pass: Pass) {
    pass.profile.measure(.attention) {
      pass.scratch.scratch {
        let biases = bias?.forward(pass)
        forEachHead(qkv, biases, pass) { head, row, column, _, scratch in
          Kernels.current.attention(head, o: o.row(row) + column, scratch: scratch)
        }
      }
    }
  }

  /// do [B·T, C] → dqkv [B·T, 3·C], in scratch memory; the bias's gradient is added to `gradients`.
  func backward(
    do dO: FloatMatrix, qkv: FloatMatrix, gradients: UnsafeMutablePointer<Float>, _ pass: Pass
  ) -> FloatMatrix {
    let dqkv = pass.scratch.matrix(rows: qkv.rows, columns: 3 * width)
    pass.profile.measure(.attention) {
      pass.scratch.scratch {
        let biases = bias?.forward(pass)
        let sequences = qkv.rows / tokens
        let square = tokens * tokens
        let slices = (sequences + sliceLength(sequences) - 1) / sliceLength(sequences)
        let dBias = bias.map { _ in
          let sums = pass.scratch.allocate(slices * heads * square)
          sums.update(repeating: 0, count: slices * heads * square)
          return sums
        }
        forEachHead(qkv, biases, pass) { head, row, column, slice, scratch in
          var head = head
          head.dBias = dBias.map { $0 + (slice * heads + column / (width / heads)) * square }
          let dq = dqkv.row(row) + column
          Kernels.current.attentionBackward(
            head, dOutput: dO.row(row) + column, dq: dq, dk: dq + width, dv: dq + 2 * width,
            scratch: scratch)
        }
        if let dBias { bias?.backward(dBias, slices: slices, gradients: gradients) }
      }
    }
    return dqkv
  }

  /// Sequences that one slice takes, one after another: with a bias an eighth, so that its gradient has few partial sums.
  private func sliceLength(_ sequences: Int) -> Int { bias == nil ? 1 : (sequences + 7) / 8 }

  /// Calls `body` for every head of every sequence, slices of sequences in parallel, with its first row and column in
  /// a [B·T, C] matrix, its slice, and scratch for the kernels.
  private func forEachHead(
    _ qkv: FloatMatrix, _ biases: UnsafeMutablePointer<Float>?, _ pass: Pass,
    _ body: (
      _ head: Kernels.AttentionHead, _ row: Int, _ column: Int, _ slice: Int,
      UnsafeMutablePointer<Float>
    ) -> Void
  ) {
    let headWidth = width / heads
    let scale = 1 / Float(headWidth).squareRoot()
    let workers = Threads.count
    let need = (Kernels.current.attentionScratch(tokens: tokens, width: headWidth) + 15) / 16 * 16
    let sequences = qkv.rows / tokens
    let length = sliceLength(sequences)
    let square = tokens * tokens
    let maskCount = masks.map { $0.count / square } ?? 1
    let scratch = pass.scratch.allocate(workers * need)
    parallelFor((sequences + length - 1) / length * heads, workers: workers) { item, worker in
      let (slice, head) = item.quotientAndRemainder(dividingBy: heads)
      for sequence in slice * length..<min(slice * length + length, sequences) {
        let (row, column) = (sequence * tokens, head * headWidth)
        let q = UnsafePointer(qkv.row(row) + column)
        var view = Kernels.AttentionHead(
          q: q, k: q + width, v: q + 2 * width, stride: 3 * width, outputStride: width,
          tokens: tokens, width: headWidth, scale: scale)
        view.bias = biases.map { UnsafePointer($0 + head * square) }
        view.mask = masks.map { UnsafePointer($0.base + sequence % maskCount * square) }
        body(view, row, column, slice, scratch + worker * need)
      }
    }
  }
}
