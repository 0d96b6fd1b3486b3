import MXCompute
import MXRuntime

// Shapes: B sequences (images, or windows), T tokens of a sequence, C channels, H heads, K = C/H channels a head.
// qkv [B·T, 3·C]: queries, keys, values behind each other, heads side by side within each.

/// Multi-head self-attention between its two projections: softmax(Q·Kᵀ/√K + bias + mask)·V, in single precision; its
/// products also in bfloat16 (`OperandPrecision`).
///
/// The T × T probabilities are not kept: the backward pass computes them again from Q and K, which costs
/// one more product in seven and saves H·T²/C numbers a token.
struct Attention: Sendable {
  let shape: AttentionShape
  /// In windows: what is added to the scores of each head.
  var bias: RelativePositionBias?
  /// In shifted windows: what is added to the scores of each window of an image, [W, T·T].
  var masks: AlignedBuffer<Float>?

  /// qkv [B·T, 3·C] → o [B·T, C], overwritten.
  func forward(_ qkv: FloatMatrix, o: FloatMatrix, _ pass: Pass) {
    pass.profile.measure(.attention) {
      pass.scratch.scratch {
        pass.compute.attention(qkv, shape, terms(pass), into: o, arena: pass.scratch)
      }
    }
  }

  /// do [B·T, C] → dqkv [B·T, 3·C], overwritten; the bias's gradient is added to `gradients`.
  func backward(
    do dO: FloatMatrix, qkv: FloatMatrix, dqkv: FloatMatrix, gradients: AlignedBuffer<Float>,
    _ pass: Pass
  ) {
    pass.profile.measure(.attention) {
      pass.scratch.scratch {
        let terms = terms(pass)
        let dBias = terms.bias.map {
          pass.scratch.matrix(rows: $0.rows, columns: $0.columns)
        }
        pass.compute.attentionBackward(
          qkv, shape, terms, dO: dO, into: dqkv, dBias: dBias, arena: pass.scratch)
        if let dBias { bias?.backward(dBias, gradients: gradients, pass) }
      }
    }
  }

  private func terms(_ pass: Pass) -> ScoreTerms {
    let area = shape.tokens * shape.tokens
    return ScoreTerms(
      bias: bias?.forward(pass), masks: masks.map { $0.matrix(rows: $0.count / area) })
  }
}
