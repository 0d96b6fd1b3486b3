import ArgumentParser
import Reports
import Runtime
import Training

struct EvalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Score a checkpoint on test images.",
    discussion: """
      The model runs as it is deployed: a 4-bit method is evaluated through its forward quantizers.

        tetrajet eval runs/first
        tetrajet eval runs/first/best.safetensors --data FOLDER --json

      Where the images lie that a run was trained on, its folder knows (data.json): as the path was written, from \
      the root, or from the run's folder; the first place that holds them is taken. --data takes what 'train' takes, \
      of which the test side is scored, and a folder or archive of class folders, all of it: unless it is what the run \
      was trained on, of which the images that were kept out of training are scored.
      """)

  @Argument(help: "A checkpoint, or a run folder (its last.safetensors).")
  var checkpoint: String

  @Option(
    help:
      "'digits', a data set, or a folder of labelled test images. (default: what it was trained on)"
  )
  var data: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup var threading: ThreadOption

  func run() throws {
    try threading.apply()
    let model = try Checkpoint(path: checkpoint)
    let (score, skipped) = try model.evaluate(
      data: data, onNote: { writeError("\($0)\n") },
      onSkip: { writeError("skipped: \($0)\n") })
    if json {
      var line = JSONLine()
      line.add("checkpoint", checkpoint)
      line.add("method", model.recipe.method.rawValue)
      line.add("images", score.count)
      line.add("eval_top1", score.top1Percent)
      line.add("eval_top5", score.top5Percent)
      line.add("eval_loss", score.meanLoss)
      line.add("skipped_images", skipped)
      try printLine(line.text)
    } else {
      try printLine(
        """
        \(score.count) images, method \(model.recipe.method.rawValue)
        top-1 \(fixed(score.top1Percent, 2)) %
        top-5 \(fixed(score.top5Percent, 2)) %
        loss  \(fixed(score.meanLoss, 4))
        """)
    }
  }
}
