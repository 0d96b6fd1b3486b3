import MXLinear
import Runtime

// Shapes: B batch, S tokens a side of the grid, R = ⌈S/2⌉, C channels, O = 2·C outputs.

/// Between two stages of Swin: four neighbouring tokens become one, normalized and projected (Liu et al. 2021, section
/// 3.1). Not quantized. A grid of odd side is filled up with zeros.
struct PatchMerging: Sendable {
  let side, inputs: Int
  let norm: LayerNorm
  let reduction: Int
  /// R.
  var merged: Int { (side + 1) / 2 }

  init(_ name: String, side: Int, inputs: Int, epsilon: Float, in table: inout ParameterTable) {
    (self.side, self.inputs) = (side, inputs)
    norm = LayerNorm("\(name).norm", width: 4 * inputs, epsilon: epsilon, in: &table)
    reduction = table.add("\(name).reduction.weight", [2 * inputs, 4 * inputs], decays: true)
  }

  struct Saved {
    let norm: LayerNorm.Saved
    /// [B·R², 4·C]
    let normed: FloatMatrix
  }

  private func weight(_ base: UnsafePointer<Float>) -> FloatMatrix {
    FloatMatrix(
      UnsafeMutablePointer(mutating: base + reduction), rows: 2 * inputs, columns: 4 * inputs)
  }

  /// x [B·S², C] → y [B·R², O].
  func forward(_ x: FloatMatrix, _ pass: Pass) -> (y: FloatMatrix, saved: Saved) {
    let rows = x.rows / (side * side) * merged * merged
    let y = pass.kept.matrix(rows: rows, columns: 2 * inputs)
    let joined = pass.kept.matrix(rows: rows, columns: 4 * inputs)
    forEachQuarter(images: x.rows / (side * side)) { row, quarter, token in
      let target = joined.row(row) + quarter * inputs
      if let token {
        target.update(from: x.row(token), count: inputs)
      } else {
        target.update(repeating: 0, count: inputs)
      }
    }
    let normed = pass.kept.matrix(rows: rows, columns: 4 * inputs)
    let normSaved = norm.forward(joined, y: normed, pass)
    pass.scratch.scratch {
      let noBias = pass.scratch.allocate(2 * inputs)
      noBias.update(repeating: 0, count: 2 * inputs)
      SimulatedProducts.forward(normed, weight(pass.weights), bias: noBias, y: y)
    }
    return (y, Saved(norm: normSaved, normed: normed))
  }

  /// dy [B·R², O] → dx [B·S², C], in scratch memory.
  func backward(
    _ dy: FloatMatrix, _ saved: Saved, gradients: UnsafeMutablePointer<Float>, _ pass: Pass
  ) -> FloatMatrix {
    let images = dy.rows / (merged * merged)
    let dx = pass.scratch.matrix(rows: images * side * side, columns: inputs)
    pass.scratch.scratch {
      let dNormed = pass.scratch.matrix(rows: dy.rows, columns: 4 * inputs)
      SimulatedProducts.inputGradient(dy, weight(pass.weights), dx: dNormed)
      SimulatedProducts.weightGradient(dy, saved.normed, dw: weight(gradients))
      let dJoined = pass.scratch.matrix(rows: dy.rows, columns: 4 * inputs)
      dJoined.base.update(repeating: 0, count: dJoined.count)
      norm.backward(dy: dNormed, saved.norm, dx: dJoined, gradients: gradients, pass)
      forEachQuarter(images: images) { row, quarter, token in
        guard let token else { return }
        dx.row(token).update(from: dJoined.row(row) + quarter * inputs, count: inputs)
      }
    }
    return dx
  }

  /// Calls `body` for every merged row and each of its quarters, images in parallel, with the token that belongs there;
  /// nil beyond the grid. timm's order: down before right.
  private func forEachQuarter(
    images: Int, _ body: (_ row: Int, _ quarter: Int, _ token: Int?) -> Void
  ) {
    parallelFor(images) { image in
      for cell in 0..<merged * merged {
        for quarter in 0..<4 {
          let down = cell / merged * 2 + quarter % 2
          let right = cell % merged * 2 + quarter / 2
          let token =
            down < side && right < side ? (image * side + down) * side + right : nil
          body(image * merged * merged + cell, quarter, token)
        }
      }
    }
  }
}
