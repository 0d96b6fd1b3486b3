import Files
import TestSupport
import Testing
import Training

@Suite("Statistics of a run that is interrupted")
struct StatisticsResumeTests {
  private struct Stopper: TrainingObserver {
    let request: RunRequest
    let step: Int?
    func progressed(_ progress: RunProgress) { if progress.step == step { request.stop() } }
  }

  /// Lines without what measures time.
  private func metrics(_ run: String) throws -> [String] {
    String(decoding: try readFile("\(run)/metrics.jsonl"), as: UTF8.self).split(separator: "\n")
      .map {
        String($0).replacing(
          #/"(images_per_second|loader_wait_share|[a-z_]+_seconds)": [-+.e0-9]+/#, with: "")
      }
  }

  /// Two epochs of 15 steps; windows of 8 steps end with steps 10, 20 and 30.
  private func recipe(_ method: Method) -> Recipe {
    var recipe = Recipe.digits
    (recipe.method, recipe.linear) = (method, method.linearRecipe)
    (recipe.training.epochs, recipe.training.batchSize) = (2, 96)
    (recipe.model.width, recipe.model.depth, recipe.model.heads) = (32, 2, 2)
    (recipe.statistics.interval, recipe.statistics.window) = (10, 8)
    recipe.remedies.qema.startStep = 3
    return recipe
  }

  @Test(
    "say what they would have said, wherever it stops: between windows, in one, and between a window's end and its line",
    arguments: ["fp32", "tetrajet+qema"])
  func resumes(method: String) throws {
    try withTemporaryFolder { folder in
      let recipe = recipe(try #require(Method(rawValue: method)))
      func train(_ run: String, stopAt step: Int?, resuming: Bool = false) throws {
        let request = RunRequest()
        let observer = Stopper(request: request, step: step)
        var trainer =
          try resuming
          ? Trainer(resuming: run, on: cpu, observer: observer, request: request)
          : Trainer(recipe, on: cpu, output: run, observer: observer, request: request)
        do { _ = try trainer.run() } catch is RunStopped where step != nil {}
      }
      try train("\(folder)/whole", stopAt: nil)
      let whole = try metrics("\(folder)/whole")
      #expect(whole.count { $0.contains("rate_of_change_output") } == 3)
      for stops in [[2], [5], [6, 8], [10], [15], [25, 28], [30]] {
        let run = "\(folder)/\(stops[0])"
        for (index, step) in stops.enumerated() {
          try train(run, stopAt: step, resuming: index > 0)
        }
        try train(run, stopAt: nil, resuming: true)
        #expect(try metrics(run).joined() == whole.joined(), "stopped at \(stops)")
      }
    }
  }
}
