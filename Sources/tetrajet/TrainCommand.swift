import ArgumentParser
import Foundation
import Oscillation
import Runtime
import Training

struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a model and write a run folder.",
    discussion: """
      Without a recipe, a small ViT is trained with sensible defaults. Examples:

        tetrajet train --data digits --method fp32
        tetrajet train Recipes/cifar10.yaml --data FOLDER --output runs/one
        tetrajet train --data FOLDER --set model.depth=8 --set seed=1
        tetrajet train --resume runs/one

      A data folder holds a folder of images a class, or train/ and test/ (or val/) of such, or train.tar and \
      test.tar, or WebDataset shards, or CIFAR's binary files, or IDX files; which, is found out ('tetrajet data' \
      shows it). Without labelled test images a share of each class, data.validation_share, is kept to test with.

      The run folder holds recipe.yaml (everything resolved: 'train RUN/recipe.yaml' repeats the run), \
      metrics.jsonl, summary.json, and last.safetensors and best.safetensors under timm's names; \
      with --set training.tensorboard=true also what 'tensorboard --logdir RUN' shows.

      Ctrl-C, SIGTERM and SIGHUP finish the step, save a checkpoint and exit with 130, 143 and 129; a second one \
      stops at once; SIGUSR1 saves and goes on. Either way, and after a crash, '--resume RUN' goes on from the last checkpoint, to \
      the same bytes as a run that was never stopped. Checkpoints are saved at the end of each epoch and \
      as checkpoint.every_minutes and checkpoint.every_steps say. A changed recipe (--set, a RECIPE, or \
      an edited recipe.yaml) goes on only with --allow-changes.

      Progress goes to standard error; standard output stays empty, but for --json.

      Methods:

      \(methodList)

      Recipe keys, for the YAML file and for --set:

      \(keyList)
      """)

  @Argument(help: "A recipe in YAML.", completion: .file(extensions: ["yaml", "yml"]))
  var recipe: String?

  @Option(help: "'digits' (built in), a folder of images, or a tar archive.")
  var data: String?

  @Option(
    help: "Quantizers and remedies, as in tetrajet+qema; see above.", completion: .methods)
  var method: String?

  @Option(
    help: "How products are computed: packed, simulated.",
    completion: .list(["packed", "simulated"]))
  var engine: String?

  @Option(
    help:
      "Start from pretrained weights: a safetensors file of timm or transformers, or a run folder.")
  var `init`: String?

  @Option(help: "Passes over the training images.")
  var epochs: String?

  @Option(help: "The seed of everything random.")
  var seed: String?

  @OptionGroup var threading: ThreadOption

  @Option(help: "Set a recipe key: key.path=value. May be repeated.", completion: .assignments)
  var set: [String] = []

  @OptionGroup var memory: MemoryOption

  @Option(help: "The run folder to write. (default: runs/METHOD-DATE-TIME)")
  var output: String?

  @Option(help: "Continue the run in this folder from its last checkpoint.")
  var resume: String?

  @Flag(
    help: "With --resume: go on although the recipe or the data is not what it was.")
  var allowChanges = false

  @Flag(help: "At the end, print summary.json with the run folder (output) as one JSON object.")
  var json = false

  func run() throws {
    try threading.apply()
    StopSignals.install()
    if !StopSignals.isAttached { noteDebugBuild() }
    var trainer = try trainer(ProgressDisplay())
    StopSignals.begin()
    let summary: RunSummary
    do {
      summary = try trainer.run()
    } catch let stopped as RunStopped {
      // The demo may be about to remove the folder.
      let advice =
        StopSignals.isAttached ? "" : "; go on with: tetrajet train --resume \(trainer.output)"
      writeError(
        "stopped after step \(stopped.step) of \(stopped.totalSteps), which is saved\(advice)\n")
      throw ExitCode(StopSignals.status)
    } catch {
      if let step = trainer.savedStep, trainer.hasCheckpoint {
        writeError(
          "The checkpoint of step \(step) is good; 'tetrajet train --resume \(trainer.output)' goes on "
            + "from it.\n")
      }
      throw error
    }
    if json { try printLine(summary.line(output: trainer.output)) }
  }

  private func trainer(_ observer: ProgressDisplay) throws -> Trainer {
    guard let resume else {
      guard !allowChanges else {
        throw ValidationError("--allow-changes goes with --resume, which is not there")
      }
      let resolved = try Recipe(settings: settings())
      return try Trainer(
        resolved, output: output ?? defaultOutput(resolved), isNumbered: output == nil,
        earlierRun: earlierRun, memoryLimit: try memory.limit(), observer: observer,
        request: StopSignals.request)
    }
    guard output == nil else {
      throw ValidationError("--resume goes on in the run's own folder; leave --output out")
    }
    return try Trainer(
      resuming: resume, settings: settings(), isWholeRecipe: recipe != nil,
      allowsChanges: allowChanges, memoryLimit: try memory.limit(), observer: observer,
      request: StopSignals.request)
  }

  /// The folder of the run whose recipe is given, if it is one and the images are to be those that it names.
  private var earlierRun: String? {
    guard let recipe, data == nil, !set.contains(where: { $0.hasPrefix("data.path") }) else {
      return nil
    }
    return URL(fileURLWithPath: recipe).deletingLastPathComponent().relativePath
  }

  private func settings() throws -> [RecipeSetting] {
    var settings: [RecipeSetting] = []
    if let recipe {
      settings += try RecipeSetting.read(recipe)
    }
    for (key, value, flag) in [
      ("data.path", data, "--data"), ("method", method, "--method"),
      ("engine", engine, "--engine"), ("training.epochs", epochs, "--epochs"),
      ("seed", seed, "--seed"), ("fine_tuning.init", `init`, "--init"),
    ] {
      if let value { settings.append(RecipeSetting(key, value, flag: flag)) }
    }
    return try settings + set.map { try RecipeSetting(assignment: $0) }
  }

  private func defaultOutput(_ recipe: Recipe) -> String {
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.dateFormat = "yyyyMMdd-HHmmss"
    return "runs/\(recipe.method.rawValue)-\(format.string(from: Date()))"
  }

  private static var methodList: String {
    let bases = [
      ("fp32", "single precision"),
      ("microscaling", "the OCP baseline: nearest rounding, floor scales"),
      ("tetrajet", "truncation-free scales, double quantization, unbiased gradients"),
    ]
    let remedies = RemedyName.allCases.map { ("tetrajet+\($0.rawValue)", $0.summary) }
    let pairs = RemedyName.combinations.map { "\($0.rawValue)+\($1.rawValue)" }
    let refused = RemedyName.allCases.enumerated().flatMap { index, first in
      RemedyName.allCases.dropFirst(index + 1).compactMap { second in
        first.conflict(with: second).map { "    \(first.rawValue)+\(second.rawValue): \($0)" }
      }
    }
    return (bases + remedies).map { "  \($0)\n      \($1)" }.joined(separator: "\n")
      + "\n  microscaling takes the same remedies. Together go "
      + pairs.joined(separator: " and ") + ". Others do not:\n" + refused.joined(separator: "\n")
  }

  private static var keyList: String {
    let keys = RecipeKey.all.map { "  \($0.name)\n      \($0.meaning): \($0.expected)" }
    let presets = Recipe.modelPresets.joined(separator: ", ")
    return (keys + ["  model.preset\n      sets the whole shape: one of \(presets)"])
      .joined(separator: "\n")
  }
}
