import Files
import MXLinear
import MXRuntime
import Ranks

/// A buffer in the layout of the weights that a step changes and the next one reads.
package struct StateBuffer {
  /// Its name in a checkpoint.
  package let name: String
  /// All its numbers, or this rank's shard of them.
  package let buffer: AlignedBuffer<Float>
  /// Which of the shards it is; nil where every rank keeps all.
  let shard: Int?
}

extension TrainingStep {
  /// Everything that a step changes and the next one reads. Random numbers need no state: they are functions of the step.
  package var state: [StateBuffer] {
    [StateBuffer(name: "weight", buffer: weights, shard: nil)]
      + optimizer.state.enumerated().map {
        StateBuffer(
          name: $1.name, buffer: $1.buffer, shard: optimizer.shards == nil ? nil : $0)
      }
      + remedies.flatMap(\.state).map { StateBuffer(name: $0.name, buffer: $0.buffer, shard: nil) }
  }

  /// Lets the first rank do something that reads all of the state, and the others give it what it does not have.
  ///
  /// - Throws: what `body` throws, at the first rank; as `Ranks.exchange`.
  package func withWholeState(_ body: () throws -> Void) throws {
    if let shards = optimizer.shards {
      try shards.serve(optimizer.state.map(\.buffer), body)
    } else if ranks.isFirst {
      try body()
    }
  }

  /// The weights that a model is deployed by, and the moving averages that Q2 rounds them by; nil for none.
  package typealias Deployed = (weights: AlignedBuffer<Float>, averages: AlignedBuffer<Float>?)

  /// What a model is deployed by once `step` steps are done.
  package func deployed(step: Int) -> Deployed {
    let averages = averages(step: step)
    for remedy in remedies {
      if let chosen = remedy.deployedWeights(view(step, averages: averages)) {
        return (chosen, nil)
      }
    }
    return (weights, averages)
  }

  /// The SHA-256 of weights as they lie in `last.safetensors`: single precision, in the order of the model.
  package func weightsSHA256(step: Int) -> String {
    SHA256.digits(of: UnsafeRawBufferPointer(deployed(step: step).weights.elements))
  }

  /// The tensors of a buffer, to be written within `withWholeState`.
  func tensors(of kept: StateBuffer) -> [OutgoingTensor] {
    let (table, prefix) = (model.parameters, "\(kept.name).")
    guard let shard = kept.shard, let shards = optimizer.shards else {
      return table.tensors(of: kept.buffer, prefix: prefix)
    }
    return table.entries.map { entry in
      .floats(prefix + entry.name, shape: entry.shape) {
        try shards.collect(entry.range, of: shard, kept.buffer)
      }
    }
  }

  /// Fills the shards of all ranks.
  ///
  /// - Parameter file: the checkpoint that the first rank has; nil there where a run begins, and at the others.
  /// - Throws: what the first rank could not read; as `Ranks.agree`.
  func spreadShards(of file: SafetensorsFile?) throws {
    guard let shards = optimizer.shards else { return }
    var isResumed = file != nil
    try ranks.broadcast(&isResumed)
    guard isResumed else { return }
    for kept in state where kept.shard != nil {
      for entry in model.parameters.entries {
        var values: [Float] = []
        _ = try ranks.agree {
          values = try file?.floats("\(kept.name).\(entry.name)", shape: entry.shape) ?? []
          return []
        }
        try shards.spread(values, of: entry.range, into: kept.buffer)
      }
    }
  }

  /// Checks that what a checkpoint would hold is worth going on from.
  ///
  /// - Throws: at all ranks, `NonFiniteTensor` naming the first weight or moment that holds a NaN or an infinity; as
  ///   `Ranks.exchange`.
  package func checkIsFinite(step: Int) throws {
    let kinds = ["the weight", "the first moment of", "the second moment of"]
    let entries = model.parameters.entries
    // Of moments each rank may have others.
    let (all, own) = (0..<weights.count, optimizer.shards?.own)
    let parts = [(weights, all), (optimizer.m, own ?? all), (optimizer.v, own ?? all)]
    let found = parts.enumerated().compactMap { kind, part in
      firstNonFinite(in: part.0, of: part.1).map { kind * entries.count + $0 }
    }
    let first = try ranks.gather([UInt8](bytesOf: found.first ?? .max))
      .map { [Int](bytes: $0)[0] }.min()!
    guard first < kinds.count * entries.count else { return }
    try ranks.alike {
      let (kind, entry) = first.quotientAndRemainder(dividingBy: entries.count)
      throw NonFiniteTensor(tensor: "\(kinds[kind]) \(entries[entry].name)", step: step)
    }
  }

  /// The first tensor of a flat buffer that holds a NaN or an infinity; nil where all are finite.
  func firstNonFinite(in buffer: AlignedBuffer<Float>) -> String? {
    firstNonFinite(in: buffer, of: 0..<weights.count).map { model.parameters.entries[$0].name }
  }

  /// The number of that tensor.
  ///
  /// - Parameter range: the weights that the buffer is for.
  private func firstNonFinite(in buffer: AlignedBuffer<Float>, of range: Range<Int>) -> Int? {
    model.parameters.entries.firstIndex { entry in
      guard range.overlaps(entry.range) else { return false }
      let part = entry.range.clamped(to: range)
      let start = buffer.base + part.lowerBound - range.lowerBound
      // Squares of single-precision numbers cannot overflow a double.
      return !compute.sumOfSquares(FloatMatrix(start, rows: 1, columns: part.count)).isFinite
    }
  }
}
