import ImageData
import MXRuntime
import TestSupport
import Testing
import Training

@Suite("The moments at which a run's memory can peak")
struct RunMemoryTests {
  /// Ten steps an epoch.
  private func moments(_ change: (inout Recipe) -> Void) -> Set<RunMoment> {
    var recipe = Recipe.digits
    (recipe.training.epochs, recipe.training.batchSize) = (10, 10)
    change(&recipe)
    return RunMoment.all(recipe, imageCount: 95)
  }

  @Test("one epoch is tested after its last step only, and no window is open then")
  func oneEpoch() {
    #expect(
      moments { $0.training.epochs = 1 } == [
        RunMoment(kind: .step, isTested: false, hasWindow: true),
        RunMoment(kind: .evaluation, isTested: true, hasWindow: false),
      ])
  }

  @Test("windows that are longer than an epoch are open at evaluations")
  func longWindows() {
    #expect(
      moments { _ in } == [
        RunMoment(kind: .step, isTested: true, hasWindow: true),
        RunMoment(kind: .evaluation, isTested: true, hasWindow: false),
        RunMoment(kind: .evaluation, isTested: true, hasWindow: true),
      ])
    #expect(
      moments { $0.statistics.enabled = false } == [
        RunMoment(kind: .step, isTested: true, hasWindow: false),
        RunMoment(kind: .evaluation, isTested: true, hasWindow: false),
      ])
  }

  @Test("trials run before the first test and after it, beside a window where one is open")
  func trials() {
    let trials = moments {
      $0.method = Method(rawValue: "tetrajet+qramping")!
      // Windows at steps 6 to 9, 51 to 54 and 96 to 99; trials at 0, 10, 20, …
      $0.remedies.qramping.updateEvery = 0
      ($0.statistics.window, $0.statistics.interval) = (4, 45)
      $0.schedule.warmupEpochs = 0
    }
    .filter { $0.kind == .trial }
    #expect(
      trials == [
        RunMoment(kind: .trial, isTested: false, hasWindow: false),
        RunMoment(kind: .trial, isTested: true, hasWindow: false),
      ])
    // In a warm-up nothing is tried out: the first trial comes after the first test.
    let late = moments {
      $0.method = Method(rawValue: "tetrajet+qramping")!
      ($0.remedies.qramping.updateEvery, $0.schedule.warmupEpochs) = (0, 1)
      $0.statistics.enabled = false
    }
    #expect(!late.contains(RunMoment(kind: .trial, isTested: false, hasWindow: false)))
    #expect(late.contains(RunMoment(kind: .trial, isTested: true, hasWindow: false)))
    let beside = moments {
      $0.method = Method(rawValue: "tetrajet+qramping")!
      ($0.remedies.qramping.updateEvery, $0.statistics.window) = (33, 4)
    }
    // Step 99 lies in the last window.
    #expect(beside.contains(RunMoment(kind: .trial, isTested: true, hasWindow: true)))
  }

  @Test("what remedies keep is a part where there are any, by their names, and none else")
  func parts() throws {
    func parts(_ method: String) throws -> [String: Double] {
      var recipe = Recipe.digits
      recipe.method = Method(rawValue: method)!
      recipe.linear = recipe.method.linearRecipe
      recipe.model.classes = 10
      let memory = try RunMemory(
        recipe, ImageDatasets.open("digits"), cpu, limit: .ofProcess())
      return Dictionary(
        uniqueKeysWithValues: memory.largestParts.map { ($0.name, $0.mebibytes) })
    }
    let (plain, averaged) = (try parts("tetrajet"), try parts("tetrajet+qema"))
    #expect(!plain.keys.contains { $0.hasPrefix("what ") })
    // One of the four buffers of weights, gradients and moments.
    let weights = try #require(averaged["weights, gradients and moments"])
    #expect(abs(try #require(averaged["what qema keeps"]) - weights / 4) < 0.01)
    #expect(abs(try #require(plain["weights, gradients and moments"]) - weights) < 0.01)
  }

  @Test("what ranks share out counts as far as a rank keeps it")
  func shards() throws {
    var recipe = Recipe.digits
    recipe.method = Method(rawValue: "tetrajet+qramping")!
    recipe.linear = recipe.method.linearRecipe
    (recipe.model.classes, recipe.model.width, recipe.model.depth) = (10, 256, 3)
    (recipe.training.batchSize, recipe.training.microBatch) = (8, 2)
    let (whole, data) = (recipe, try ImageDatasets.open("digits"))
    recipe.parallel.shardMoments = true
    let sharded = recipe
    for result in ThreadRanks.run(
      4,
      { ranks in
        func taken(_ recipe: Recipe) throws -> Int {
          let ledger = MemoryLedger()
          return try ledger.dryRun {
            let training = try TrainingStep(recipe, cpu.dry, ranks: ranks)
            return withExtendedLifetime(training) { ledger.bytes }
          }
        }
        return Double(try taken(whole) - taken(sharded)) / 1_048_576
      })
    {
      func estimate(_ recipe: Recipe) throws -> [String: Double] {
        let memory = try RunMemory(recipe, data, cpu, limit: .ofProcess(), ranks: 4)
        return Dictionary(
          uniqueKeysWithValues: memory.largestParts.map { ($0.name, $0.mebibytes) })
      }
      let saved = try result.get()
      let (before, after) = (try estimate(whole), try estimate(sharded))
      func difference(_ name: String) throws -> Double {
        try #require(before[name]) - #require(after[name])
      }
      let counted =
        try difference("weights, gradients and moments") + difference("what qramping keeps")
      // Four buffers, of which a rank keeps a slice of an eighth of a MiB more or less than its share.
      #expect(abs(saved - counted) < 2 * 4 / 8, "\(saved) \(counted)")
      #expect(saved > 20)
      #expect(try abs(difference("a trial of qramping") - counted) < 0.01)
    }
  }
}
