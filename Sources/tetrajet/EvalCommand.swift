import ArgumentParser
import Files
import Reports
import Training

struct EvalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Score a checkpoint on test images.",
    discussion: """
      The model runs as it is deployed: a 4-bit method is evaluated through its forward quantizers. Weights are \
      read as 4-bit codes where the file has them, or become them, and stay that.

        tetrajet eval runs/first
        tetrajet eval runs/first/best.safetensors --data FOLDER --json
        tetrajet eval runs/first --per-class classes.csv --confusion confusion.csv --predictions images.csv

      Where the images lie that a run was trained on, its folder knows (data.json): as the path was written, from \
      the root, or from the run's folder; the first place that holds them is taken. --data takes what 'train' takes, \
      of which the test side is scored, and a folder or archive of class folders, all of it: unless it is what the run \
      was trained on, of which the images that were kept out of training are scored.

      Other data are scored on the classes whose names the model knows, in whatever order they stand; the rest is \
      counted and named.
      """)

  @Argument(help: "A checkpoint, an export, or a run folder (its last.safetensors).")
  var checkpoint: String

  @Option(
    help:
      "'digits', a data set, or a folder of labelled test images. (default: what it was trained on)"
  )
  var data: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  @Option(help: "Write a table of the classes to this CSV file.")
  var perClass: String?

  @Option(help: "Write the confusion matrix to this CSV file: a row a class, a column an answer.")
  var confusion: String?

  @Option(help: "Write what the model says of each image to this CSV file.")
  var predictions: String?

  @Option(help: "How many of the images with the largest loss to name.")
  var worst = 5

  @OptionGroup var deployment: DeploymentOption

  @OptionGroup var destination: OutputOption

  @OptionGroup var threading: ThreadOption

  func validate() throws {
    guard (0...100_000).contains(worst) else {
      throw ValidationError("--worst is \(worst); it must be from 0 to 100000")
    }
  }

  func run() throws {
    let cpu = try threading.cpu()
    let files = try outputs()
    let model = try DeployedModel(path: checkpoint, activations: deployment.activations, on: cpu)
    let evaluation = try model.evaluate(
      data: data, onNote: { writeError("\(oneLine($0))\n") },
      onSkip: { writeError("skipped: \($0)\n") })
    for (file, table) in files {
      try file.write { output in
        try table(evaluation.details)({ line in
          var line = line
          try line.withUTF8 { try output.write(UnsafeRawBufferPointer($0)) }
        })
      }
    }
    // Where a table goes to standard output, nothing else may.
    if files.contains(where: \.file.isStandardOutput) { return }
    try printLine(
      json
        ? line(evaluation, model).text
        : EvaluationText(evaluation, worst: worst).text(method: model.recipe.method.rawValue))
  }

  private typealias Table = (EvaluationDetails) -> ((String) throws -> Void) throws -> Void

  /// The files that are asked for, looked at before the work begins.
  private func outputs() throws -> [(file: OutputFile, table: Table)] {
    let wanted: [(path: String?, table: Table)] = [
      (perClass, EvaluationDetails.writeClasses), (confusion, EvaluationDetails.writeConfusion),
      (predictions, EvaluationDetails.writePredictions),
    ]
    let paths = wanted.compactMap(\.path)
    guard Set(paths).count == paths.count else {
      throw ValidationError("two tables cannot go to one file")
    }
    return try wanted.compactMap { path, table in
      try path.map { (try destination.file($0, inputs: [checkpoint]), table) }
    }
  }

  private func line(_ evaluation: Evaluation, _ model: DeployedModel) -> JSONLine {
    let (score, match) = (evaluation.score, evaluation.match)
    var line = JSONLine()
    line.add("checkpoint", checkpoint)
    line.add("method", model.recipe.method.rawValue)
    line.add("activations", model.activations)
    line.add("weights_mb", Double(model.weightBytes) / 1e6)
    line.add("images", score.count)
    line.add("eval_top1", score.top1Percent)
    line.add("eval_top5", score.top5Percent)
    line.add("eval_loss", score.meanLoss)
    line.add("skipped_images", evaluation.skipped)
    line.add("unscored_images", match.unscored)
    line.add("unknown_classes", match.unknown.map(\.name))
    line.add("absent_classes", match.absent)
    line.add(evaluation.details.line(worst: worst))
    return line
  }
}
