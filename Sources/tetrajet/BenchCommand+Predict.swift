import ArgumentParser
import Files
import MXRuntime
import Reports
import Training

extension BenchCommand {
  struct Predict: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "predict",
      abstract: "A trained model at work: milliseconds a batch, images a second, memory.",
      discussion: """
        Made-up images go through the model as 'predict' uses it: from a checkpoint or an export, or \
        of a preset with made-up weights by 'tetrajet'. Beside the median: how long it took to open the \
        model, and until the first batch was done.

          tetrajet bench predict --model deit_small_patch16_224 --batch 1
          tetrajet bench predict runs/first --batch 32 --activations full
        """)

    @Argument(help: "A checkpoint, an export or a run folder. (default: the preset of --model)")
    var checkpoint: String?

    @Option(help: "The preset, where no checkpoint is given. (default: deit_tiny_patch16_224)")
    var model: String?

    @Option(name: [.long, .customLong("batch-size")], help: "Images a batch.")
    var batch = 1

    @OptionGroup var deployment: DeploymentOption

    @Option(help: "Timed repeats.")
    var repeats = 20

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var threading: ThreadOption

    func validate() throws {
      guard (1...4096).contains(batch) else {
        throw ValidationError("--batch is \(batch); it must be from 1 to 4096")
      }
      guard (1...10_000).contains(repeats) else {
        throw ValidationError("--repeats is \(repeats); it must be from 1 to 10000")
      }
      if checkpoint != nil, model != nil {
        throw ValidationError("a checkpoint and --model do not go together: its model is its own")
      }
    }

    func run() throws {
      let cpu = try threading.cpu()
      noteDebugBuild()
      let benchmark = PredictionBenchmark(
        checkpoint: checkpoint, model: model ?? "deit_tiny_patch16_224",
        activations: deployment.activations, on: cpu)
      let result = try benchmark.run(batch: batch, repeats: repeats)
      if json { return try printLine(result.line.text) }
      try printLine("threads \(cpu.threads), instruction set \(cpu.name)")
      try printLine("\(result.text): \(fixed(result.seconds * 1e3, 3)) ms, \(result.rate)")
    }
  }
}
