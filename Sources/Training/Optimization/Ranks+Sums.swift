import MXCompute
import MXLinear
import Ranks

/// Scores of batches: their sum, and for other ranks each of them.
struct ScoreList {
  fileprivate(set) var total = BatchScore()
  fileprivate var own: [BatchScore] = []
  fileprivate let isShared: Bool

  init(isShared: Bool) { self.isShared = isShared }

  /// Adds a batch's.
  mutating func add(_ score: BatchScore) {
    total.add(score)
    // One process allocates nothing.
    if isShared { own.append(score) }
  }
}

extension Ranks {
  /// The sum of the scores that all ranks have, in their order: those of rank 0 first; and what each has to say beside them.
  ///
  /// - Parameter failure: why this rank has none.
  /// - Throws: as `agree`.
  func sum(
    _ own: ScoreList, or failure: (any Error)? = nil, beside words: [UInt8] = []
  ) throws -> (BatchScore, [[UInt8]]) {
    let all = try agree {
      if let failure { throw failure }
      return [UInt8](bytesOf: own.own.count) + own.own.flatMap { [UInt8](bytesOf: $0) } + words
    }
    var total = BatchScore()
    let others = all.map { bytes in
      let (header, size) = (MemoryLayout<Int>.size, MemoryLayout<BatchScore>.stride)
      let end = header + [Int](bytes: Array(bytes.prefix(header)))[0] * size
      [BatchScore](bytes: Array(bytes[header..<end])).forEach { total.add($0) }
      return Array(bytes[end...])
    }
    return (total, others)
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
