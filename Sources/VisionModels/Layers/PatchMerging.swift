import MXCompute
import MXFormats
import MXRuntime

// Shapes: B batch, S tokens a side of the grid, R = ⌈S/2⌉, C channels, O = 2·C outputs.

/// Between two stages of Swin: four neighbouring tokens become one, normalized and projected (Liu et al. 2021, section
/// 3.1). Not quantized. A grid of odd side is filled up with zeros.
package struct PatchMerging: Sendable {
  let name: String
  private let inputs: Int
  private let norm: LayerNorm
  private let reduction: Parameter
  private let precision: OperandPrecision
  /// Tokens [S²] → the quarters of the merged ones [4·R²], and back.
  private let toQuarters, toTokens: RowMap

  /// What it is like.
  package struct Shape: Sendable {
    /// What its parameters' names begin with.
    package var name: String
    /// S and C.
    package var side, inputs: Int
    /// ε of the norm.
    package var epsilon: Float
    /// R.
    package var merged: Int { (side + 1) / 2 }
    /// Tokens [S²] → the quarters of the merged ones [4·R²].
    package var quarters: RowMap {
      RowMap(
        (0..<4 * merged * merged).map { place in
          let (cell, quarter) = place.quotientAndRemainder(dividingBy: 4)
          // timm's order: down before right.
          let down = cell / merged * 2 + quarter % 2
          let right = cell % merged * 2 + quarter / 2
          return down < side && right < side ? down * side + right : -1
        }, of: side * side)
    }
  }

  /// - Parameter precision: what its products are of.
  init(_ shape: Shape, _ precision: OperandPrecision, in table: inout ParameterTable) {
    self.precision = precision
    let (name, inputs) = (shape.name, shape.inputs)
    (self.name, self.inputs) = (name, inputs)
    norm = LayerNorm("\(name).norm", width: 4 * inputs, epsilon: shape.epsilon, in: &table)
    reduction = table.add(
      "\(name).reduction.weight", [2 * inputs, 4 * inputs], initial: .narrowNormal, decays: true)
    toQuarters = shape.quarters
    toTokens = toQuarters.inverse
  }

  struct Saved {
    let norm: LayerNorm.Saved
    /// [B·R², 4·C]
    let normed: FloatMatrix
  }

  /// x [B·S², C] → y [B·R², O].
  func forward(_ x: FloatMatrix, _ pass: Pass) -> (y: FloatMatrix, saved: Saved) {
    let quarters = toQuarters.rows(x.rows)
    let y = pass.kept.matrix(rows: quarters / 4, columns: 2 * inputs)
    let joined = pass.kept.matrix(rows: quarters, columns: inputs)
    pass.compute.gather(x, toQuarters, into: joined)
    let normed = pass.kept.matrix(rows: quarters / 4, columns: 4 * inputs)
    let normSaved = norm.forward(joined.reshaped(rows: quarters / 4), y: normed, pass)
    product(normed, .rows, pass.weights[reduction], .rows, into: y, pass)
    return (y, Saved(norm: normSaved, normed: normed))
  }

  /// dy [B·R², O] → dx [B·S², C], in scratch memory.
  func backward(
    _ dy: FloatMatrix, _ saved: Saved, gradients: AlignedBuffer<Float>, _ pass: Pass
  ) -> FloatMatrix {
    let (compute, scratch) = (pass.compute, pass.scratch)
    let dx = scratch.matrix(rows: toTokens.rows(4 * dy.rows), columns: inputs)
    scratch.scratch {
      let dNormed = scratch.matrix(rows: dy.rows, columns: 4 * inputs)
      product(dy, .rows, pass.weights[reduction], .columns, into: dNormed, pass)
      product(
        dy, .columns, saved.normed, .columns, into: gradients[reduction], accumulates: true, pass)
      let dJoined = scratch.matrix(rows: dy.rows, columns: 4 * inputs)
      compute.fill(dJoined, with: 0)
      norm.backward(dy: dNormed, saved.norm, dx: dJoined, gradients: gradients, pass)
      compute.gather(dJoined.reshaped(rows: 4 * dy.rows), toTokens, into: dx)
    }
    return dx
  }

  /// c = the product of two matrices, each contracted along an axis of its own; or c += it.
  private func product(
    _ a: FloatMatrix, _ axisOfA: GroupAxis, _ b: FloatMatrix, _ axisOfB: GroupAxis,
    into c: FloatMatrix, accumulates: Bool = false, _ pass: Pass
  ) {
    let (compute, scratch) = (pass.compute, pass.scratch)
    scratch.scratch {
      compute.product(
        compute.operand(a, axis: axisOfA, precision, arena: scratch),
        compute.operand(b, axis: axisOfB, precision, arena: scratch), bias: nil, into: c,
        accumulates: accumulates, arena: scratch)
    }
  }
}
