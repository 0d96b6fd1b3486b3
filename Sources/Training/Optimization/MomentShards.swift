import MXRuntime
import Ranks

/// Which part of the optimizer's state each rank keeps, where none keeps all of it (`parallel.shard_moments`): runs of the
/// weights, one rank's behind the other's. Each rank updates the weights of its own part and gets those of the others
/// (Rajbhandari et al. 2020: ZeRO, stage 1).
package struct MomentShards {
  /// Each rank's part.
  let parts: [Range<Int>]
  private let ranks: any Ranks

  /// The part of this rank.
  package var own: Range<Int> { parts[ranks.rank] }

  /// Parts of about the same length.
  ///
  /// - Parameter slices: what is not cut, from 0 to `count`.
  init(_ slices: [Range<Int>], count: Int, ranks: any Ranks) {
    let starts = (0..<ranks.count).map { rank in
      let wanted = ranks.share(of: count, at: rank).lowerBound
      return slices.first { $0.lowerBound >= wanted }?.lowerBound ?? count
    }
    parts = zip(starts, starts.dropFirst() + [count]).map { $0..<$1 }
    self.ranks = ranks
  }

  /// Gives all ranks the weights that each of them has updated.
  ///
  /// - Throws: as `Ranks.exchange`.
  func gather(_ weights: AlignedBuffer<Float>) throws {
    func pieces(_ rank: Int) -> [UnsafeMutableRawBufferPointer] {
      let (part, length) = (parts[rank], 1 << 18)
      return stride(from: part.lowerBound, to: part.upperBound, by: length).map {
        let piece = weights.elements[$0..<min($0 + length, part.upperBound)]
        return UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: piece))
      }
    }
    // One partner after the other, as `GradientExchange`.
    for (receiver, sender) in zip(ranks.others, ranks.others.reversed()) {
      try ranks.exchange(
        pieces(ranks.rank).map { Message(receiver, UnsafeRawBufferPointer($0)) },
        pieces(sender).map { Message(sender, $0) })
    }
  }

  /// What the first rank wants to have of the others' shards.
  private struct Request: BitwiseCopyable {
    /// Which of them; −1 for no more.
    var shard = -1
    var start = 0
    var end = 0
  }

  /// Lets the first rank do something that reads shards, by `collect`, and the others answer until it is done.
  ///
  /// - Parameter shards: this rank's.
  /// - Throws: at the first rank what `body` throws; as `Ranks.exchange`.
  func serve(_ shards: [AlignedBuffer<Float>], _ body: () throws -> Void) throws {
    var request = Request()
    guard ranks.isFirst else {
      while true {
        try ranks.broadcast(&request)
        if request.shard < 0 { return }
        try move(request.start..<request.end, nil, shards[request.shard], collects: true)
      }
    }
    do {
      try body()
    } catch  where !error.isOfRanks {
      try ranks.broadcast(&request)
      throw error
    }
    try ranks.broadcast(&request)
  }

  /// The numbers of a run, within `serve`.
  ///
  /// - Parameters:
  ///   - index: which of the shards.
  ///   - shard: the first rank's.
  /// - Throws: as `Ranks.exchange`.
  func collect(
    _ run: Range<Int>, of index: Int, _ shard: AlignedBuffer<Float>
  ) throws -> [Float] {
    var request = Request(shard: index, start: run.lowerBound, end: run.upperBound)
    try ranks.broadcast(&request)
    var values = [Float](repeating: 0, count: run.count)
    try values.withUnsafeMutableBufferPointer { try move(run, $0, shard, collects: true) }
    return values
  }

  /// Puts the numbers of a run into the shards of all.
  ///
  /// - Parameters:
  ///   - values: what the first rank has; nothing at the others.
  ///   - shard: this rank's.
  /// - Throws: as `Ranks.exchange`.
  func spread(_ values: [Float], of run: Range<Int>, into shard: AlignedBuffer<Float>) throws {
    var values = values
    try values.withUnsafeMutableBufferPointer {
      try move(run, ranks.isFirst ? $0 : nil, shard, collects: false)
    }
  }

  /// Moves the numbers of a run from the ranks that keep them to the first one, or the other way.
  ///
  /// - Parameters:
  ///   - whole: all of them; nil at the other ranks.
  ///   - shard: this rank's.
  private func move(
    _ run: Range<Int>, _ whole: UnsafeMutableBufferPointer<Float>?, _ shard: AlignedBuffer<Float>,
    collects: Bool
  ) throws {
    typealias Numbers = UnsafeMutableBufferPointer<Float>
    func shared(_ rank: Int) -> Range<Int>? {
      parts[rank].overlaps(run) ? parts[rank].clamped(to: run) : nil
    }
    func numbers(_ range: Range<Int>, from start: Int, _ all: Numbers) -> Numbers {
      Numbers(rebasing: all[range.lowerBound - start..<range.upperBound - start])
    }
    let kept = shared(ranks.rank).map { numbers($0, from: own.lowerBound, shard.elements) }
    var messages: [Message<Numbers>] = []
    if let whole {
      for rank in 0..<ranks.count {
        guard let range = shared(rank) else { continue }
        let part = numbers(range, from: run.lowerBound, whole)
        if rank != ranks.rank {
          messages.append(Message(rank, part))
        } else if let kept {
          _ = collects ? part.update(fromContentsOf: kept) : kept.update(fromContentsOf: part)
        }
      }
    } else if let kept {
      messages.append(Message(0, kept))
    }
    let receives = collects == (whole != nil)
    try ranks.exchange(
      receives ? [] : messages.map { Message($0.rank, UnsafeRawBufferPointer($0.bytes)) },
      receives ? messages.map { Message($0.rank, UnsafeMutableRawBufferPointer($0.bytes)) } : [])
  }
}
