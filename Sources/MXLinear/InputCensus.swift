import MXCompute
import MXRuntime

/// How the inputs of linear layers, and what Q1 makes of them, move from one pass over the same images to the next: of each
/// layer's first rows, as Q1 reads them.
package final class InputCensus {
  /// Sums over passes of a layer.
  package struct Layer: Equatable, Sendable {
    /// The layer's name.
    package let name: String
    /// r(X) = ‖X_t − X_{t−1}‖ / ‖X_{t−1}‖, and r(X_Q) of Q1(X).
    package var rate = 0.0, quantizedRate = 0.0
    /// The share of elements whose quantized value has changed.
    package var flips = 0.0

    /// Of a layer that nothing is known of.
    package init(name: String) { self.name = name }
  }

  /// Rows that are kept of a layer.
  private static let rows = 256

  /// The layers whose inputs are quantized, in the order of the data.
  package private(set) var layers: [Layer] = []
  private var places: [Int: Int] = [:]
  /// X and Q1(X) of the pass before, for each layer.
  private var before: [(input: AlignedBuffer<Float>, quantized: AlignedBuffer<Float>)] = []

  /// Nothing seen yet.
  package init() {}

  /// Goes on with sums that were taken before, of a pass that has been seen; nothing happens where they are of other layers.
  package func resume(_ sums: [Layer]) {
    if sums.map(\.name) == layers.map(\.name) { layers = sums }
  }

  /// Takes a layer's inputs into account.
  ///
  /// - Parameters:
  ///   - index: the layer's number.
  ///   - input: X, [N, D].
  ///   - quantized: Q1(X).
  ///   - compute: copies them.
  func take(
    _ name: String, index: Int, input: FloatMatrix, quantized: FloatMatrix, _ compute: any Compute
  ) {
    let kept = 0..<min(input.rows, Self.rows)
    let (input, quantized) = (input.rows(kept), quantized.rows(kept))
    if let place = places[index] {
      let old = before[place]
      let movement = RowMovement(from: old.quantized.matrix(rows: kept.count), to: quantized)
      layers[place].rate +=
        RowMovement(from: old.input.matrix(rows: kept.count), to: input).rate
      layers[place].quantizedRate += movement.rate
      layers[place].flips += Double(movement.differing) / Double(quantized.count)
    } else {
      places[index] = layers.count
      layers.append(Layer(name: name))
      before.append((AlignedBuffer(count: input.count), AlignedBuffer(count: input.count)))
    }
    guard let place = places[index] else { return }
    compute.copy(input, into: before[place].input.matrix())
    compute.copy(quantized, into: before[place].quantized.matrix())
  }
}
