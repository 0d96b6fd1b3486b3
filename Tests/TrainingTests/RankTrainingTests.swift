import Files
import Foundation
import ImageData
import MXCompute
import Ranks
import Synchronization
import TestSupport
import Testing
import Training

@Suite("A run of several ranks", .serialized)
struct RankTrainingTests {
  /// Stops a run, or asks it to, when something happens.
  private struct Stopper: TrainingObserver {
    let request: RunRequest
    var step: Int?
    var stopsAtBrokenImage = false
    func progressed(_ progress: RunProgress) { if progress.step == step { request.stop() } }
    var skippedCount = Counter()
    func skipped(_ image: SkippedImage) {
      skippedCount.value.add(1, ordering: .relaxed)
      if stopsAtBrokenImage { request.stop() }
    }
    final class Counter: Sendable { let value = Atomic(0) }
  }

  /// What comes out of a training by so many ranks, each a thread, at each of them.
  ///
  /// - Parameters:
  ///   - observer: the first rank's.
  ///   - compute: what each computes on.
  private static func results(
    _ recipe: Recipe, ranks count: Int, in folder: String, resuming: Bool = false,
    on compute: @escaping @Sendable (_ rank: Int) -> CPU = { _ in cpu },
    observer: @escaping @Sendable (RunRequest) -> Stopper
  ) -> [Result<RunSummary, any Error>] {
    ThreadRanks.run(count) { ranks in
      let (request, cpu) = (RunRequest(), compute(ranks.rank))
      var first: Trainer?
      let plans = try ranks.agree {
        guard ranks.isFirst else { return [] }
        let observer = observer(request)
        let trainer =
          try resuming
          ? Trainer(resuming: folder, on: cpu, observer: observer, request: request, ranks: ranks)
          : Trainer(
            recipe, on: cpu, output: folder, observer: observer, request: request, ranks: ranks)
        first = trainer
        return trainer.followersPlan
      }
      var trainer = try first ?? Trainer(following: plans[0], on: cpu, ranks: ranks)
      do {
        try trainer.begin()
      } catch {
        trainer.abandon()
        throw error
      }
      return try trainer.run()
    }
  }

  private static func train(
    _ recipe: Recipe, ranks count: Int, in folder: String, resuming: Bool = false,
    stopAt step: Int? = nil
  ) throws {
    let results = results(recipe, ranks: count, in: folder, resuming: resuming) {
      Stopper(request: $0, step: step)
    }
    for result in results {
      do { _ = try result.get() } catch is RunStopped where step != nil {}
    }
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
      Method(rawValue: "tetrajet+osmq")!, Method(rawValue: "tetrajet-v2+oscireset")!,
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
      var recipe = Self.recipe(method)
      if method.remedies == [.qema] {
        (recipe.linear.meanSplit, recipe.linear.rotatedProducts) = ([.proj, .fc2], [.dw])
        recipe.windows[.q1].until = 0.6
      }
      if method.base == .tetrajetV2 {
        // Two ranks stop at step 7, within the count.
        (recipe.outlierCount.from, recipe.outlierCount.length) = (0.6, 4)
        (recipe.remedies.oscireset.start, recipe.remedies.oscireset.period) = (0.3, 4)
        recipe.remedies.oscireset.window = 3
      }
      if method.remedies == [.osmq] {
        (recipe.remedies.osmq.start, recipe.statistics.inputs) = (0.3, true)
      }
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
      #expect(try metrics(40) == metrics(1))
      #expect(try file(40, "evaluation.json") == file(1, "evaluation.json"))
    }
  }

  @Test(
    "train the same weights where each keeps a part of the moments, and any number goes on from them",
    arguments: [Method(rawValue: "tetrajet+qema")!, Method(rawValue: "tetrajet+qramping")!])
  func shardedMoments(method: Method) throws {
    try withTemporaryFolder { folder in
      func last(_ run: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(run)/last.safetensors"))
      }
      var recipe = Self.recipe(method)
      recipe.linear.meanSplit = [.fc1]
      try Self.train(recipe, ranks: 1, in: "\(folder)/whole")
      recipe.parallel.shardMoments = true
      try Self.train(recipe, ranks: 3, in: "\(folder)/three")
      #expect(try last("three") == last("whole"))
      try Self.train(recipe, ranks: 5, in: "\(folder)/several", stopAt: 4)
      try Self.train(recipe, ranks: 2, in: "\(folder)/several", resuming: true, stopAt: 9)
      try Self.train(recipe, ranks: 1, in: "\(folder)/several", resuming: true, stopAt: 12)
      try Self.train(recipe, ranks: 4, in: "\(folder)/several", resuming: true)
      #expect(try last("several") == last("whole"))
    }
  }

  @Test("several of them do not train by a method that finds its steps in one micro-batch")
  func rotatedINT4() throws {
    try withTemporaryFolder { folder in
      let results = Self.results(Self.recipe(.int4xi), ranks: 2, in: "\(folder)/run") {
        Stopper(request: $0)
      }
      for result in results {
        let error = try #require(throws: (any Error).self) { try result.get() }
        #expect("\(error)".contains("another one for several ranks"), "\(error)")
      }
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/run"))
    }
  }

  @Test("a model of several chunks is trained to the same bits while its gradients travel")
  func chunks() throws {
    try withTemporaryFolder { folder in
      var recipe = Self.recipe(.tetrajet)
      (recipe.model.width, recipe.model.depth, recipe.model.heads) = (160, 3, 2)
      (recipe.training.batchSize, recipe.training.microBatch) = (256, 32)
      for ranks in [1, 3, 4] {
        recipe.parallel.shardMoments = ranks == 3
        try Self.train(recipe, ranks: ranks, in: "\(folder)/\(ranks)")
      }
      let one = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/1/last.safetensors"))
      #expect(one.count > 3 * 4 << 18)
      for ranks in [3, 4] {
        let path = "\(folder)/\(ranks)/last.safetensors"
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == one)
      }
    }
  }

  /// A folder of so many images, some of which are broken: three of the test images, the last one among them, and a third of the others.
  private static func images(in folder: String) throws {
    for (side, count) in [("train", 18), ("test", 20)] {
      for name in ["ants", "bees"] {
        let path = "\(folder)/\(side)/\(name)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for index in 0..<count {
          let pixels = (0..<64).map { UInt8(($0 * (index + 1) + name.utf8.count) % 256) }
          let isBroken =
            side == "train" ? index.isMultiple(of: 3) : index == 9 || name == "ants" && index == 7
          let image = Image(width: 8, height: 8, channels: 1, pixels: pixels)
          try Data(isBroken ? Array("no image".utf8) : PNGEncoder.encode(image, name: "x"))
            .write(to: URL(fileURLWithPath: "\(path)/\(index).png"))
        }
      }
    }
  }

  @Test("all count the broken images of all, and too many of them end all")
  func brokenImages() throws {
    try withTemporaryFolder { folder in
      try Self.images(in: "\(folder)/data")
      var recipe = Self.recipe(.tetrajet)
      recipe.data.path = "\(folder)/data"
      (recipe.training.batchSize, recipe.training.microBatch) = (12, 3)
      recipe.data.maximumBrokenShare = 0.5
      var bytes: [Data] = []
      for ranks in [1, 2, 4] {
        let run = "\(folder)/\(ranks)"
        try Self.train(recipe, ranks: ranks, in: run)
        #expect(try RunSummary(path: "\(run)/summary.json").skippedImages == 12 + 3)
        bytes.append(try Data(contentsOf: URL(fileURLWithPath: "\(run)/last.safetensors")))
      }
      #expect(bytes[0] == bytes[1] && bytes[0] == bytes[2])
      // No rank alone meets so many.
      recipe.data.maximumBrokenShare = 0.3
      let results = Self.results(recipe, ranks: 4, in: "\(folder)/few") { Stopper(request: $0) }
      for result in results {
        let error = try #require(throws: LoaderError.self) { try result.get() }
        #expect("\(error)".contains("11 of 36 images cannot be read"), "\(error)")
      }
    }
  }

  @Test("a run stops during an evaluation that is shared out, and goes on with it")
  func stopDuringEvaluation() throws {
    try withTemporaryFolder { folder in
      try Self.images(in: "\(folder)/data")
      for name in ["ants", "bees"] {
        for index in stride(from: 0, to: 18, by: 3) {
          unlink("\(folder)/data/train/\(name)/\(index).png")
        }
      }
      var recipe = Self.recipe(.tetrajet)
      recipe.data.path = "\(folder)/data"
      (recipe.training.batchSize, recipe.training.microBatch) = (12, 3)
      recipe.data.maximumBrokenShare = 0.5
      let counter = Stopper.Counter()
      let results = Self.results(recipe, ranks: 2, in: "\(folder)/run") {
        Stopper(request: $0, stopsAtBrokenImage: true, skippedCount: counter)
      }
      for result in results {
        let error = #expect(throws: RunStopped.self) { try result.get() }
        #expect(error?.step == 2)
      }
      // It did not wait for the others.
      #expect(counter.value.load(ordering: .relaxed) == 1)
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/run/last.safetensors"))
      try Self.train(recipe, ranks: 3, in: "\(folder)/run", resuming: true)
      try Self.train(recipe, ranks: 1, in: "\(folder)/one")
      let runs = try ["run", "one"].map {
        try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\($0)/evaluation.json"))
      }
      #expect(runs[0] == runs[1])
    }
  }

  @Test("a rank that would compute other bits is refused by name, and leaves no folder")
  func otherInstructionSet() throws {
    guard let portable = CPU.named("portable"), cpu.name != "portable" else { return }
    try withTemporaryFolder { folder in
      let results = Self.results(
        Self.recipe(.tetrajet), ranks: 3, in: "\(folder)/run",
        on: { $0 == 1 ? portable : cpu }
      ) { Stopper(request: $0) }
      for result in results {
        let error = try #require(throws: RankMismatch.self) { try result.get() }
        #expect("\(error)".contains("rank 1 has another instruction set"))
      }
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/run"))
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
        let error = try #require(throws: RankCountError.self) { try result.get() }
        #expect("\(error)".contains("7 ranks") && "\(error)".contains("there are 6"))
      }
      let left = try FileManager.default.contentsOfDirectory(atPath: folder)
      #expect(left.isEmpty)
    }
  }

  private struct Silent: TrainingObserver {}
}
