import Files
import Foundation
import ImageData
import MXCompute
import MXRuntime
import Ranks
import TestSupport
import Testing
import Training

@Suite("Ranks", .serialized)
struct RanksTests {
  struct Broken: Error, CustomStringConvertible { let description = "no paper" }

  @Test("gather what each has to say, in their order, whatever its length")
  func gather() throws {
    for count in 1...5 {
      for result in ThreadRanks.run(count, { try $0.gather(Array(repeating: 7, count: $0.rank)) }) {
        #expect(try result.get() == (0..<count).map { Array(repeating: 7, count: $0) })
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
            let tree = GradientTree(gradients, microBatches: microBatches, cpu, ranks: ranks)
            // A step leaves nothing to the next.
            for _ in 0..<2 {
              tree.begin()
              for number in tree.own {
                guard let leaf = leaves[number] else { continue }
                _ = gradients.elements.update(from: leaf)
                tree.add(number)
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

  /// Trains on the digits by so many ranks, each a thread, and stops after a step where one is given.
  private static func train(
    _ recipe: Recipe, ranks count: Int, in folder: String, resuming: Bool = false,
    stopAt: Int? = nil
  ) throws {
    let results = ThreadRanks.run(count) { ranks in
      let request = RunRequest()
      struct Stopper: TrainingObserver {
        let request: RunRequest
        let step: Int?
        func progressed(_ progress: RunProgress) {
          if progress.step == step { request.stop() }
        }
      }
      let observer = Stopper(request: request, step: stopAt)
      var first: Trainer?
      let plans = try ranks.agree {
        guard ranks.isFirst else { return [] }
        let trainer =
          try resuming
          ? Trainer(resuming: folder, on: cpu, observer: observer, request: request, ranks: ranks)
          : Trainer(
            recipe, on: cpu, output: folder, observer: observer, request: request, ranks: ranks)
        first = trainer
        return trainer.followersPlan
      }
      var trainer = try first ?? Trainer(following: plans[0], on: cpu, ranks: ranks)
      try trainer.begin()
      do { _ = try trainer.run() } catch is RunStopped where stopAt != nil {}
    }
    for result in results { try result.get() }
  }

  private static func recipe(_ method: Method) -> Recipe {
    var recipe = Recipe.digits
    (recipe.method, recipe.linear) = (method, method.linearRecipe)
    (recipe.training.epochs, recipe.training.batchSize, recipe.training.microBatch) = (1, 96, 16)
    (recipe.model.width, recipe.model.depth, recipe.model.heads) = (32, 2, 2)
    (recipe.training.tensorboard, recipe.schedule.warmupEpochs) = (false, 0)
    return recipe
  }

  @Test(
    "however many they are, train the same weights, measure the same, and go on where others stopped",
    arguments: [
      Method.fp32, Method(rawValue: "tetrajet+qema")!, Method(rawValue: "tetrajet+qramping")!,
    ])
  func sameBits(method: Method) throws {
    try withTemporaryFolder { folder in
      func file(_ run: Int, _ name: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(run)/\(name)"))
      }
      /// Lines without what measures time.
      func metrics(_ run: Int) throws -> [String] {
        let text = String(decoding: try file(run, "metrics.jsonl"), as: UTF8.self)
        return text.split(separator: "\n").map {
          String($0).replacing(
            #/"(images_per_second|loader_wait_share|[a-z_]+_seconds)": [-+.e0-9]+/#, with: "")
        }
      }
      let recipe = Self.recipe(method)
      for ranks in [1, 2, 3, 5] {
        try Self.train(recipe, ranks: ranks, in: "\(folder)/\(ranks)")
      }
      for ranks in [2, 3, 5] {
        #expect(try file(ranks, "last.safetensors") == file(1, "last.safetensors"))
        #expect(try metrics(ranks) == metrics(1))
        #expect(try file(ranks, "evaluation.json") == file(1, "evaluation.json"))
      }
      try Self.train(recipe, ranks: 4, in: "\(folder)/40", stopAt: 7)
      try Self.train(recipe, ranks: 2, in: "\(folder)/40", resuming: true)
      #expect(try file(40, "last.safetensors") == file(1, "last.safetensors"))
      #expect(try file(40, "evaluation.json") == file(1, "evaluation.json"))
    }
  }

  @Test("are no more than the micro-batches of a step")
  func tooMany() throws {
    try withTemporaryFolder { folder in
      let results = ThreadRanks.run(7) { ranks in
        _ = try Trainer(
          Self.recipe(.fp32), on: cpu, output: "\(folder)/\(ranks.rank)", observer: Silent(),
          ranks: ranks)
      }
      for result in results {
        let error = #expect(throws: RankCountError.self) { try result.get() }
        #expect("\(error!)".contains("7 ranks") && "\(error!)".contains("there are 6"))
      }
      let left = try FileManager.default.contentsOfDirectory(atPath: folder)
      #expect(left.isEmpty)
    }
  }

  private struct Silent: TrainingObserver {}
}
