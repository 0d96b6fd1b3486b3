import Files

/// Another rank cannot go on.
package struct RankFailure: ReportableError {
  /// Its number.
  package let rank: Int
  /// What it says.
  package let text: String
  /// As its own error's.
  package let category: ErrorCategory

  /// Which rank, and what it says.
  package var description: String { "rank \(rank): \(text)" }
}

/// The ranks cannot reach each other.
package struct RanksError: ReportableError {
  /// What MPI says.
  package let description: String

  /// The network, or what answers there.
  package var category: ErrorCategory { .inputOutput }
}

/// Ranks do not answer.
package struct RankSilence: ReportableError {
  /// Their numbers; none where nobody knows which.
  package let ranks: [Int]
  /// How long they were waited for.
  package let seconds: Int

  /// Such ranks.
  package init(ranks: [Int], seconds: Int) { (self.ranks, self.seconds) = (ranks, seconds) }

  /// Which ranks, and what to do.
  package var description: String {
    let names = ranks.map { "\($0)" }.joined(separator: ", ")
    let who = ranks.isEmpty ? "a rank" : ranks.count == 1 ? "rank \(names)" : "ranks \(names)"
    return
      "\(who) did not answer for \(seconds) seconds; look whether the machine hangs, or wait longer: "
      + "--set parallel.time_limit=N"
  }

  /// The machine, or the network.
  package var category: ErrorCategory { .inputOutput }
}

extension Error {
  /// Whether the ranks cannot talk to each other any more, not even of this.
  package var isOfRanks: Bool { self is RanksError || self is RankSilence }
}

extension Ranks {
  /// Does what all ranks do with the same numbers: what it throws, it throws at all of them.
  package func alike<Value>(_ body: () throws -> Value) rethrows -> Value {
    do {
      return try body()
    } catch {
      willEnd()
      throw error
    }
  }

  /// Lets every rank say how it went: what each has to say where all could go on.
  ///
  /// - Parameter body: makes what this rank has to say.
  /// - Throws: where some could not go on, `body`'s own error at those, and at the others the `RankFailure` of the first of
  ///   them; `RanksError`.
  package func agree(_ body: () throws -> [UInt8]) throws -> [[UInt8]] {
    if count == 1 { return [try body()] }
    let own: Result<[UInt8], any Error>
    do {
      own = .success(try body())
    } catch {
      if error.isOfRanks { throw error }
      own = .failure(error)
    }
    let message: [UInt8]
    switch own {
    case .success(let bytes): message = [0] + bytes
    case .failure(let error):
      let category = (error as? any ReportableError)?.category ?? .usage
      message = [UInt8(category.rawValue)] + Array("\(error)".utf8)
    }
    let all = try gather(message)
    guard let rank = all.firstIndex(where: { $0[0] != 0 }) else {
      return all.map { Array($0[1...]) }
    }
    // Nobody waits for this one any more.
    willEnd()
    if case .failure(let error) = own { throw error }
    throw RankFailure(
      rank: rank, text: String(decoding: all[rank][1...], as: UTF8.self),
      category: ErrorCategory(rawValue: Int32(all[rank][0])) ?? .usage)
  }
}
