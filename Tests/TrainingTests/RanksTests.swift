import Files
import Foundation
import ImageData
import MXCompute
import MXLinear
import MXRuntime
import Ranks
import TestSupport
import Testing
import Training
import VisionModels

@Suite("Ranks", .serialized)
struct RanksTests {
  struct Broken: Error, CustomStringConvertible { let description = "no paper" }

  @Test("gather what each has to say, in their order, whatever its length")
  func gather() throws {
    // What does not fit into the first packet follows in a second one.
    for length in [1, 124, 125, 1000] {
      for count in 1...5 {
        @Sendable func message(_ rank: Int) -> [UInt8] {
          (0..<rank * length).map { UInt8($0 % 251) }
        }
        for result in ThreadRanks.run(count, { try $0.gather(message($0.rank)) }) {
          #expect(try result.get() == (0..<count).map(message))
        }
      }
    }
  }

  @Test("hear of what one of them cannot do, and of who it is")
  func agreement() throws {
    let results = ThreadRanks.run(4) { ranks in
      try ranks.agree {
        if ranks.rank == 2 { throw FileError("read", "a.jpg", code: ENOENT) }
        return [UInt8(ranks.rank)]
      }
    }
    for (rank, result) in results.enumerated() {
      let error = #expect(throws: (any Error).self) { try result.get() }
      if rank == 2 {
        #expect(error is FileError)
      } else {
        let failure = try #require(error as? RankFailure)
        #expect(failure.rank == 2 && failure.category == .inputOutput)
        #expect("\(failure)".hasPrefix("rank 2: ") && "\(failure)".contains("a.jpg"))
      }
    }
    // What all find out by themselves they need not say, and what only one does is no end that others expect.
    let ends = ThreadRanks.run(2) { ranks in
      let before = ranks.isEnding
      #expect(throws: Broken.self) { try ranks.alike { throw Broken() } }
      #expect(ranks.alike { 3 } == 3)
      return [before, ranks.isEnding]
    }
    for end in ends { #expect(try end.get() == [false, true]) }
    let fine = ThreadRanks.run(3) { ranks in try ranks.agree { [UInt8(ranks.rank)] } }
    for result in fine { #expect(try result.get() == [[0], [1], [2]]) }
  }

  /// The sum of the leaves that have come, by the definition; nil where none has.
  @Test("do not try to agree on it where they cannot reach each other")
  func silence() throws {
    struct Unreachable: Ranks {
      var rank: Int { 0 }
      var count: Int { 2 }
      func exchange(
        _ sent: [Message<UnsafeRawBufferPointer>],
        _ received: [Message<UnsafeMutableRawBufferPointer>]
      ) throws { throw Broken() }
      func broadcast(_ bytes: UnsafeMutableRawBufferPointer) throws { throw Broken() }
      func willEnd() {}
      func wait(patiently: Bool) {}
      func limitWaiting(to seconds: Int) {}
    }
    #expect(throws: RankSilence.self) {
      try Unreachable().agree { throw RankSilence(ranks: [1], seconds: 3) }
    }
  }

  private static func sum(_ leaves: [[Float]?], level: Int, index: Int) -> [Float]? {
    if level == 0 { return index < leaves.count ? leaves[index] : nil }
    let parts = (0..<2).map { sum(leaves, level: level - 1, index: 2 * index + $0) }
    guard let left = parts[0], let right = parts[1] else { return parts[0] ?? parts[1] }
    return zip(left, right).map { $0 + $1 }
  }

  @Test("add up gradients as a tree over the micro-batches' numbers, whichever have come")
  func tree() throws {
    var random = TestRandom(seed: 190)
    for microBatches in [2, 3, 5, 6, 8, 11] {
      for missing in 0..<3 {
        let leaves: [[Float]?] = (0..<microBatches).map { number in
          // All, a few, hardly any.
          (number * 7 + missing) % 5 < 2 * missing ? nil : random.normals(37)
        }
        let expected = Self.sum(leaves, level: 4, index: 0)
        for ranks in 1...microBatches {
          let results = ThreadRanks.run(ranks) { ranks in
            let gradients = AlignedBuffer<Float>(count: 37)
            let tree = GradientTree(
              gradients, microBatches: microBatches, cpu, ranks: ranks,
              chunks: [20..<37, 9..<20, 0..<9])
            // A step leaves nothing to the next.
            for _ in 0..<2 {
              tree.begin()
              for number in tree.own {
                guard let leaf = leaves[number] else { continue }
                _ = gradients.elements.update(from: leaf)
                tree.expect(number)
                if tree.isLast(number) { tree.beginExchange(try ranks.gather(tree.ownNodes)) }
                // Layer by layer, as a backward pass does it.
                for start in [30, 9, 0] { tree.take(from: start) }
              }
              if tree.own.last.map({ leaves[$0] == nil }) ?? true {
                tree.close()
                tree.beginExchange(try ranks.gather(tree.ownNodes))
              }
              try tree.finish()
            }
            return Array(gradients.elements)
          }
          for result in results where expected != nil {
            #expect(try result.get() == expected, "\(ranks) of \(microBatches), \(missing)")
          }
        }
      }
    }
  }

  @Test("exchange a model's gradients layer by layer, in chunks that are worth a message")
  func chunks() throws {
    for name in ["deit_small_patch16_224", "swin_tiny_patch4_window7_224"] {
      let table = try VisionModel(.preset(name), recipe: Method.tetrajet.linearRecipe).parameters
      let chunks = GradientExchange.chunks(of: table)
      #expect(chunks.first?.upperBound == table.count && chunks.last?.lowerBound == 0)
      for (above, below) in zip(chunks, chunks.dropFirst()) {
        #expect(above.lowerBound == below.upperBound && above.count >= 1 << 18)
      }
      #expect(chunks.allSatisfy { $0.count <= 1 << 19 })
      // What is complete when a layer is done need not wait for the next one.
      let starts = Set(chunks.map(\.lowerBound))
      #expect(table.layers.filter { !starts.contains($0) }.count <= 2)
      // Every layer's tensors lie between its beginning and that of the layer behind it.
      for entry in table.entries {
        let depth = entry.part.layersBehind
        #expect(entry.offset >= table.layers[depth])
        #expect(depth == 0 || entry.range.upperBound <= table.layers[depth - 1])
      }
    }
  }

  @Test("all end, and tell why, where one cannot compute the gradients that the others wait for")
  func brokenBackwardPass() throws {
    var recipe = Recipe.digits
    (recipe.method, recipe.linear) = (.tetrajet, Method.tetrajet.linearRecipe)
    (recipe.training.batchSize, recipe.training.microBatch) = (4, 2)
    recipe.model.classes = 10
    let (whole, image) = (recipe, recipe.model.imageSize * recipe.model.imageSize)
    let results = ThreadRanks.run(2) { ranks in
      let training = try TrainingStep(whole, cpu, ranks: ranks)
      // Hidden units that are zero, so that no logit tells how large the weights behind them are; gradients do.
      for entry in training.model.parameters.entries where ranks.rank == 1 {
        let factors: [String: Double] = [
          "mlp.fc1.weight": 0, "mlp.fc2.weight": 1e39, "head.weight": 1e5,
        ]
        for (name, factor) in factors where entry.name.hasSuffix(name) {
          for index in entry.range {
            training.weights[index] = Float(Double(training.weights[index]) * factor)
          }
        }
      }
      let images = AlignedBuffer<Float>(count: 2 * image)
      for index in 0..<2 * image { images[index] = Float(index % 7) }
      var batches = [
        TrainingBatch(
          images: images.matrix(rows: 2), labels: [3, 4], mixedShare: 1, index: ranks.rank)
      ]
      let feed = StepFeed(microBatches: 2, ranks: ranks) { batches.popLast() }
      _ = try training.run(feed, step: 0)
    }
    let heard = try #require(throws: RankFailure.self) { try results[0].get() }
    #expect(heard.rank == 1 && heard.text.contains("fc1: the"), "\(heard)")
    let own = try #require(throws: NonFiniteTensor.self) { try results[1].get() }
    #expect("\(own)".contains("fc1: the"), "\(own)")
  }

  @Test(
    "all hear of a moment that is not finite, and of a file that cannot be written, whoever keeps what"
  )
  func brokenShards() throws {
    var recipe = Recipe.digits
    recipe.model.classes = 10
    (recipe.training.batchSize, recipe.training.microBatch) = (8, 2)
    recipe.parallel.shardMoments = true
    let sharded = recipe
    for broken in 0..<3 {
      let results = ThreadRanks.run(3) { ranks in
        let training = try TrainingStep(sharded, cpu, ranks: ranks)
        let shard = try #require(training.optimizer.shards).own
        #expect(training.optimizer.v.count == shard.count && shard.count < training.weights.count)
        try training.checkIsFinite(step: 1)
        let error = #expect(throws: (any Error).self) {
          try ranks.agree {
            try training.withWholeState { throw Broken() }
            return []
          }
        }
        #expect(ranks.isFirst ? error is Broken : (error as? RankFailure)?.rank == 0)
        if ranks.rank == broken { training.optimizer.v[shard.count - 1] = .nan }
        let entry = training.model.parameters.entries.first {
          $0.range.contains(shard.upperBound - 1)
        }
        let name = try #require(entry).name
        let found = #expect(throws: NonFiniteTensor.self) { try training.checkIsFinite(step: 9) }
        return (name, found)
      }
      let name = try results[broken].get().0
      for result in results {
        #expect(
          try result.get().1
            == NonFiniteTensor(tensor: "the second moment of \(name)", step: 9))
      }
    }
  }

  @Test("know their launcher by its variables")
  func launch() {
    #expect(Launch([:]) == nil)
    #expect(Launch(["OMPI_COMM_WORLD_SIZE": "1"]) == nil)
    #expect(Launch(["OMPI_COMM_WORLD_SIZE": "many"]) == nil)
    #expect(Launch(["OMPI_COMM_WORLD_SIZE": "4"])?.count == 4)
    #expect(Launch(["PMI_SIZE": "3"])?.launcher == "MPICH's mpirun")
    #expect(Launch(["PMI_SIZE": "3", "PMI_RANK": "2"])?.rank == 2)
    #expect(Launch(["SLURM_STEP_NUM_TASKS": "2"])?.launcher == "srun")
    #expect(Launch.ranksOfThisMachine(["MPI_LOCALNRANKS": "2"]) == 2)
    #expect(Launch.ranksOfThisMachine([:]) == nil)
  }
}
