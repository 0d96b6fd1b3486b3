import MXRuntime

// Shapes: M tokens a side of a window, A = M² tokens of a window, H heads.

/// What is added to the attention scores of two tokens of a window: a learnt number for each head and each of the
/// (2·M − 1)² offsets between them (Liu et al. 2021, Eq. 4).
package struct RelativePositionBias: Sendable {
  private let table: Parameter
  /// The row of the table for tokens i and j, at i·A + j.
  private let offsets: [Int]

  init(_ name: String, window: Int, heads: Int, in parameters: inout ParameterTable) {
    let span = 2 * window - 1
    table = parameters.adding(.offsets) {
      $0.add(
        "\(name).relative_position_bias_table", [span * span, heads], initial: .narrowNormal,
        decays: false)
    }
    offsets = Self.offsets(window: window)
  }

  /// The row of the table for tokens i and j, at i·A + j.
  package static func offsets(window: Int) -> [Int] {
    let (area, span) = (window * window, 2 * window - 1)
    return (0..<area * area).map { pair in
      let (i, j) = pair.quotientAndRemainder(dividingBy: area)
      let down = i / window - j / window + window - 1
      let right = i % window - j % window + window - 1
      return down * span + right
    }
  }

  /// [H, A·A] in scratch memory.
  func forward(_ pass: Pass) -> FloatMatrix {
    let table = pass.weights[table]
    let bias = pass.scratch.matrix(rows: table.columns, columns: offsets.count)
    pass.compute.lookUp(offsets, in: table, into: bias)
    return bias
  }

  /// dBias [H, A·A] → the table's gradient.
  func backward(_ dBias: FloatMatrix, gradients: AlignedBuffer<Float>, _ pass: Pass) {
    pass.compute.add(dBias, at: offsets, to: gradients[table])
  }
}
