import Files
import ImageData
import MXCompute
import MXRuntime
import Ranks

extension Trainer {
  /// Prepares to follow the first rank, which has begun or resumed a run. Nothing is written or printed here.
  ///
  /// - Parameters:
  ///   - plan: what the first one's `followersPlan` is.
  ///   - ranks: who trains it together.
  /// - Throws: as for a new run, where this machine does not have what it takes.
  package init(
    following plan: [UInt8], on compute: any TrainingCompute,
    memoryLimit: MemoryLimit? = nil, request: RunRequest = RunRequest(), ranks: any Ranks
  ) throws {
    precondition(!ranks.isFirst, "the first rank follows nobody")
    struct Silent: TrainingObserver {}
    let words = String(decoding: plan, as: UTF8.self)
      .split(separator: "\0", omittingEmptySubsequences: false).map(String.init)
    let (output, yaml) = (words[0], words[1])
    let recipe = try Recipe(
      settings: RecipeSetting.parse(yaml: yaml, path: "the first rank's recipe"))
    try self.init(
      recipe, compute, earlierRun: nil, memoryLimit: memoryLimit, observer: Silent(),
      request: request, ranks: ranks
    ) { RunDirectory(reading: output) }
  }

  /// What is asked of a run from outside, or due by itself.
  struct Wishes: OptionSet {
    let rawValue: UInt8
    static let stop = Wishes(rawValue: 1)
    static let save = Wishes(rawValue: 2)
    static let checkpoint = Wishes(rawValue: 4)
  }

  /// What any rank is asked for; and all know which images any of them could not read.
  ///
  /// - Throws: `LoaderError.brokenImages` at all of them where these are too many; as `Ranks.gather`.
  func consult(
    stop: Bool = false, save: Bool = false, checkpoint: Bool = false
  ) throws -> Wishes {
    var own: Wishes = []
    if stop { own.insert(.stop) }
    if save { own.insert(.save) }
    // The first one's clock is everybody's.
    if checkpoint, ranks.isFirst { own.insert(.checkpoint) }
    if ranks.count == 1 { return own }
    let loaders = [loader, test]
    let news = loaders.map { $0.takeNews().map(\.told).joined(separator: "\n") }
    var wishes = own
    for (rank, bytes) in try ranks.gather([own.rawValue] + news.joined(separator: "\u{c}").utf8)
      .enumerated() where rank != ranks.rank
    {
      wishes.formUnion(Wishes(rawValue: bytes[0]))
      let texts = String(decoding: bytes.dropFirst(), as: UTF8.self)
        .split(separator: "\u{c}", omittingEmptySubsequences: false)
      for (loader, text) in zip(loaders, texts) {
        let images = text.split(separator: "\n").compactMap { SkippedImage($0) }
        try ranks.alike { try loader.record(elsewhere: images) }
      }
    }
    return wishes
  }

  /// Takes back what a new run has written, where it cannot begin.
  package func abandon() {
    if ranks.isFirst, savedStep == nil { directory.removeUnbegun() }
  }

  /// What the others need to follow.
  package var followersPlan: [UInt8] { Array("\(output)\0\(recipe.yaml)".utf8) }

  /// Makes sure that all ranks would compute the same, and gives them the first one's state.
  ///
  /// - Throws: `RankMismatch`, at all of them; `RanksError`.
  package mutating func begin() throws {
    if ranks.count == 1 { return }
    let own = [
      ("version", Version.current),
      // Every other set has the same bits.
      ("instruction set", training.compute.name == "portable" ? "portable" : "one that is fused"),
      ("training images", origin.data.trainFingerprint),
      ("test images", origin.data.testFingerprint),
      ("recipe", recipe.yaml),
    ]
    let all = try ranks.agree { Array(own.map(\.1).joined(separator: "\0").utf8) }
    let found = all.map {
      String(decoding: $0, as: UTF8.self).split(separator: "\0", omittingEmptySubsequences: false)
    }
    for (rank, theirs) in found.enumerated() {
      for place in own.indices where theirs[place] != found[0][place] {
        ranks.willEnd()
        throw RankMismatch(rank: rank, what: own[place].0)
      }
    }
    for kept in training.state where kept.shard == nil {
      try ranks.broadcast(UnsafeMutableRawBufferPointer(kept.buffer.elements))
    }
    try training.spreadShards(of: resumed)
    resumed = nil
    try ranks.broadcast(&state)
    if !ranks.isFirst { resumeMeter() }
  }
}

extension Ranks {
  /// Which micro-batches of a loader this rank computes, where a step has so many.
  func isOwn(ofStep microBatches: Int) -> (_ batch: Int) -> Bool {
    let own = share(of: microBatches)
    return { own.contains($0 % microBatches) }
  }

  /// Lets the first rank write, and all know whether it could.
  func write(_ body: () throws -> Void) throws {
    _ = try agree {
      if isFirst { try body() }
      return []
    }
  }
}

extension Recipe {
  /// Refuses more ranks than can train by it.
  ///
  /// - Throws: `RankCountError`, `RecipeError`.
  func check(ranks: Int) throws {
    let microBatches = training.microBatches
    guard ranks <= microBatches else {
      throw RankCountError(ranks: ranks, microBatches: microBatches)
    }
    guard ranks == 1 || linear.rotated == nil else {
      throw RecipeError(
        key: "method", found: "'\(method.rawValue)'",
        expected:
          "another one for several ranks: it finds steps in the first micro-batch, which one rank alone sees"
      )
    }
  }
}

/// More ranks than micro-batches.
package struct RankCountError: ReportableError {
  let ranks, microBatches: Int

  /// How many of each, and what to do.
  package var description: String {
    "\(ranks) ranks share out the micro-batches of a step, and there \(microBatches == 1 ? "is" : "are") "
      + "\(microBatches); start at most so many, or make more: --set training.micro_batch=N, a part of "
      + "the batch size"
  }

  /// What was asked cannot be done.
  package var category: ErrorCategory { .usage }
}

/// A rank would compute something else than the first one.
package struct RankMismatch: ReportableError {
  let rank: Int
  let what: String

  /// Which one, and by what.
  package var description: String {
    "rank \(rank) has another \(what) than rank 0, and would not train the same weights"
  }

  /// The machines are not prepared alike.
  package var category: ErrorCategory { .badData }
}
