import MXLinear
import Runtime

// Shapes: M tokens a side of a window, A = M² tokens of a window, H heads.

/// What is added to the attention scores of two tokens of a window: a learnt number for each head and each of the
/// (2·M − 1)² offsets between them (Liu et al. 2021, Eq. 4).
struct RelativePositionBias: Sendable {
  let table: Int
  let heads: Int
  let window: Int

  init(_ name: String, window: Int, heads: Int, in parameters: inout ParameterTable) {
    (self.window, self.heads) = (window, heads)
    let offsets = (2 * window - 1) * (2 * window - 1)
    table = parameters.add(
      "\(name).relative_position_bias_table", [offsets, heads], decays: false)
  }

  /// The row of the table for tokens i and j.
  private func offset(_ i: Int, _ j: Int) -> Int {
    let down = i / window - j / window + window - 1
    let right = i % window - j % window + window - 1
    return down * (2 * window - 1) + right
  }

  /// [H, A, A] in scratch memory.
  func forward(_ pass: Pass) -> UnsafeMutablePointer<Float> {
    let area = window * window
    let bias = pass.scratch.allocate(heads * area * area)
    parallelFor(heads) { head in
      for i in 0..<area {
        for j in 0..<area {
          bias[(head * area + i) * area + j] = pass.weights[table + offset(i, j) * heads + head]
        }
      }
    }
    return bias
  }

  /// dBias [slices, H, A, A], added up in the order of the slices, → the table's gradient.
  func backward(
    _ dBias: UnsafePointer<Float>, slices: Int, gradients: UnsafeMutablePointer<Float>
  ) {
    let area = window * window
    parallelFor(heads) { head in
      for i in 0..<area {
        for j in 0..<area {
          let place = (head * area + i) * area + j
          var sum: Float = 0
          for slice in 0..<slices { sum += dBias[slice * heads * area * area + place] }
          gradients[table + offset(i, j) * heads + head] += sum
        }
      }
    }
  }
}
