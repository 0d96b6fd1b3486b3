import ArgumentParser
import Files
import Reports
import Training

struct PredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Say what a model sees in images.",
    discussion: """
      The likeliest classes of each image with their probabilities. An image is named by its file, by a \
      folder that it lies in, however deep, or by a quoted pattern; '-' reads names from standard input, \
      one a line.

        tetrajet predict runs/first photo.jpg
        tetrajet predict runs/first/best.safetensors holidays 'more/*.jpg' --format csv
        find . -name '*.png' | tetrajet predict runs/first - --json

      One image gives a list of classes, several a table. An image that cannot be read is named and left \
      out; the exit status is then 65 or 74. Images go through the model in batches, whose size changes no \
      bit of what it says.
      """)

  /// How predictions are written.
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case table, json, csv
  }

  @Argument(help: "A checkpoint, an export, or a run folder (its last.safetensors).")
  var checkpoint: String

  @Argument(help: "Image files, folders, patterns, or - for names on standard input.")
  var images: [String]

  @Option(help: "How many classes to show. (default: 5; 1 in a table of several images)")
  var top: Int?

  @Option(
    help: "'table', 'json' (an object a line and image) or 'csv' (a line a class). (default: table)"
  )
  var format: Format?

  @Flag(help: "The same as --format json.")
  var json = false

  @Option(help: ArgumentHelp("Images that go through the model at once.", valueName: "n"))
  var batchSize = 16

  @OptionGroup var deployment: DeploymentOption

  @OptionGroup var threading: ThreadOption

  func validate() throws {
    if let top, top < 1 { throw ValidationError("--top is \(top); it must be at least 1") }
    guard (1...4096).contains(batchSize) else {
      throw ValidationError("--batch-size is \(batchSize); it must be from 1 to 4096")
    }
    if json, let format, format != .json {
      throw ValidationError("--json and --format \(format.rawValue) do not go together")
    }
  }

  func run() throws {
    let cpu = try threading.cpu()
    let model = try DeployedModel(path: checkpoint, activations: deployment.activations, on: cpu)
    let arguments = try ImageArguments(images)
    for remark in arguments.remarks { writeError("\(remark)\n") }
    let files = arguments.files
    let writer = PredictionWriter(
      json ? .json : format ?? .table, files: files, classNames: model.classNames, top: top)
    try writer.begin()
    var status: Int32 = 0
    for start in stride(from: 0, to: files.count, by: batchSize) {
      let batch = files[start..<min(start + batchSize, files.count)]
      var (names, inputs) = ([String](), [[Float]]())
      for (name, input) in zip(batch, model.prepare(Array(batch), threads: cpu.threads)) {
        do {
          inputs.append(try input.get())
          names.append(name)
        } catch let error as any ReportableError
          where error.category == .badData || error.category == .inputOutput
        {
          writeError("tetrajet: \(error)\n")
          status = max(status, error.category.rawValue)
        }
      }
      for (name, predictions) in zip(names, try model.predict(inputs, count: writer.top)) {
        try writer.write(predictions, of: name)
      }
    }
    if status != 0 { throw ExitCode(status) }
  }
}
