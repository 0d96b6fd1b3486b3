import MXCompute
import MXLinear
import Ranks

/// Scores of batches: their sum, and for other ranks each of them.
struct ScoreList {
  fileprivate(set) var total = BatchScore()
  fileprivate var bytes: [UInt8] = []
  fileprivate let isShared: Bool

  /// Adds a batch's.
  mutating func add(_ score: BatchScore) {
    total.add(score)
    // One process allocates nothing.
    if isShared { bytes += [UInt8](bytesOf: score) }
  }
}

extension Ranks {
  /// The sum of the scores that all ranks add, in their order: those of rank 0 first.
  ///
  /// - Throws: what `body` throws, at all of them (`agree`).
  func sum(_ body: (inout ScoreList) throws -> Void) throws -> BatchScore {
    var own = ScoreList(isShared: count > 1)
    if count == 1 {
      try body(&own)
      return own.total
    }
    var total = BatchScore()
    let all = try agree {
      try body(&own)
      return own.bytes
    }
    for score in all.flatMap({ [BatchScore](bytes: $0) }) { total.add(score) }
    return total
  }

  /// Adds what the quantizers of all ranks have lost to a census.
  ///
  /// - Throws: `RanksError`.
  func add(_ own: QuantizerCensus, to census: QuantizerCensus) throws {
    for operand in Operand.allCases {
      for bytes in try gather(own[operand].map { [UInt8](bytesOf: $0) } ?? []) {
        for lost in [QuantizerLosses](bytes: bytes) { census.add(lost, of: operand) }
      }
    }
  }
}
