import ArgumentParser
import Foundation
import MXCompute
import Ranks
import Training

struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a model and write a run folder.",
    usage: "tetrajet train [RECIPE.yaml] [--data PATH] [--output RUN] [OPTIONS]",
    discussion: """
      Without a recipe, a small ViT is trained with sensible defaults. Examples:

        tetrajet train --data digits --method fp32
        tetrajet train --data FOLDER --model deit_tiny_patch16_224 --batch-size 32
        tetrajet train Recipes/cifar10.yaml --data FOLDER --output runs/one
        tetrajet train --resume runs/one

      'tetrajet data FOLDER' looks at a folder of images, 'tetrajet keys' lists what a recipe and --set \
      can say, and 'tetrajet keys method' the methods. Ctrl-C saves and stops; --resume goes on, to the \
      same bytes.
      """)

  @OptionGroup var options: RecipeOptions

  @Option(
    help: ArgumentHelp("The run folder. (default: runs/METHOD-DATE-TIME)", valueName: "folder"))
  var output: String?

  @Option(help: ArgumentHelp("Go on from a run's last checkpoint.", valueName: "run"))
  var resume: String?

  @Flag(help: "With --resume: also where recipe or data have changed.")
  var allowChanges = false

  @OptionGroup var threading: ThreadOption

  @OptionGroup var memory: MemoryOption

  @Flag(help: "Print the whole recipe, and do nothing else.")
  var printRecipe = false

  @Flag(help: "Look at the data, time some steps, write nothing.")
  var dryRun = false

  @Flag(help: "At the end, print the summary as one JSON object.")
  var json = false

  func validate() throws {
    for (flag, isGiven) in [("--print-recipe", printRecipe), ("--dry-run", dryRun)] where isGiven {
      if resume != nil {
        throw ValidationError("\(flag) is for a new run; leave --resume out")
      }
    }
    if printRecipe, dryRun {
      throw ValidationError("--print-recipe and --dry-run do not go together")
    }
  }

  func run() throws {
    if printRecipe {
      try printLine(resolved().yaml.trimmingCharacters(in: .newlines))
      return
    }
    if dryRun {
      try tryOut()
      return
    }
    StopSignals.install()
    let ranks = try RankGroup.join()
    if !StopSignals.isAttached, ranks.isFirst { noteDebugBuild() }
    var trainer = try trainer(ranks)
    StopSignals.begin()
    let summary: RunSummary
    do {
      summary = try trainer.run()
    } catch let stopped as RunStopped {
      ranks.willEnd()
      guard ranks.isFirst else { throw ExitCode(StopSignals.status) }
      // The demo may be about to remove the folder.
      let advice =
        StopSignals.isAttached ? "" : "; go on with: tetrajet train --resume \(trainer.output)"
      writeError(
        "stopped after step \(stopped.step) of \(stopped.totalSteps), which is saved\(advice)\n")
      throw ExitCode(StopSignals.status)
    } catch {
      if let step = trainer.savedStep, trainer.hasCheckpoint, ranks.isFirst {
        writeError(
          "The checkpoint of step \(step) is good; 'tetrajet train --resume \(trainer.output)' goes on "
            + "from it.\n")
      }
      throw error
    }
    if json, ranks.isFirst { try printLine(summary.line(output: trainer.output).text) }
  }

  /// The run: begun or resumed by the first rank, which the others follow.
  private func trainer(_ ranks: any Ranks) throws -> Trainer {
    guard ranks.count > 1 else { return try firstTrainer(ranks) }
    var trainer: Trainer?
    do {
      try prepare(&trainer, ranks)
    } catch {
      trainer?.abandon()
      throw error
    }
    guard let trainer else { preconditionFailure("a rank without a training") }
    return trainer
  }

  private func prepare(_ trainer: inout Trainer?, _ ranks: any Ranks) throws {
    let plans = try ranks.agree {
      guard ranks.isFirst else { return [] }
      let first = try firstTrainer(ranks)
      trainer = first
      return first.followersPlan
    }
    _ = try ranks.agree {
      guard !ranks.isFirst else { return [] }
      trainer = try Trainer(
        following: plans[0], on: cpu(), memoryLimit: try memory.limit(),
        request: StopSignals.request, ranks: ranks)
      return []
    }
    try trainer?.begin()
  }

  private func cpu() throws -> CPU { try CPU(threads: threading.threads ?? RankGroup.threads) }

  private func firstTrainer(_ ranks: any Ranks) throws -> Trainer {
    let observer = ProgressDisplay()
    guard let resume else {
      guard !allowChanges else {
        throw ValidationError("--allow-changes goes with --resume, which is not there")
      }
      let resolved = try resolved()
      return try Trainer(
        resolved, on: try cpu(), output: output ?? defaultOutput(resolved),
        isNumbered: output == nil,
        earlierRun: earlierRun, memoryLimit: try memory.limit(), observer: observer,
        request: StopSignals.request, ranks: ranks)
    }
    guard output == nil else {
      throw ValidationError("--resume goes on in the run's own folder; leave --output out")
    }
    return try Trainer(
      resuming: resume, on: try cpu(), settings: options.settings(),
      isWholeRecipe: options.recipe != nil,
      allowsChanges: allowChanges, memoryLimit: try memory.limit(), observer: observer,
      request: StopSignals.request, ranks: ranks)
  }

  /// The folder of the run whose recipe is given, if it is one and the images are to be those that it names.
  private var earlierRun: String? {
    guard let recipe = options.recipe, options.data == nil,
      !options.set.contains(where: { $0.hasPrefix("data.path") })
    else {
      return nil
    }
    return URL(fileURLWithPath: recipe).deletingLastPathComponent().relativePath
  }

  /// The recipe of a new run.
  private func resolved() throws -> Recipe {
    var settings = try options.settings()
    if let shape = try PretrainedShape(of: settings) {
      writeError("\(shape.note)\n")
      // What the user says of the model comes later, and holds.
      settings = shape.settings + settings
    }
    return try Recipe(settings: settings) { writeError($0 + "\n") }
  }

  private func tryOut() throws {
    let recipe = try resolved()
    let trainer = try Trainer(
      trying: recipe, on: try threading.cpu(), output: output ?? defaultOutput(recipe),
      earlierRun: earlierRun,
      memoryLimit: try memory.limit(), observer: ProgressDisplay())
    let trial = try trainer.tryOut()
    try printLine(json ? trial.line.text : trial.text)
  }

  private func defaultOutput(_ recipe: Recipe) -> String {
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.dateFormat = "yyyyMMdd-HHmmss"
    return "runs/\(recipe.method.rawValue)-\(format.string(from: Date()))"
  }
}
