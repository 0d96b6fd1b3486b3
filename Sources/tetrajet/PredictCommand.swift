import ArgumentParser
import Reports
import Runtime
import Training

struct PredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Say what a model sees in images.",
    discussion: """
      The likeliest classes of each image with their probabilities. Images are JPEG, PNG or WebP files of any \
      size.

        tetrajet predict runs/first photo.jpg
        tetrajet predict runs/first/best.safetensors *.jpg --json

      An image that cannot be read is named and left out; the exit status is then 65 or 74.
      """)

  @Argument(help: "A checkpoint, or a run folder (its last.safetensors).")
  var checkpoint: String

  @Argument(help: "Image files.")
  var images: [String]

  @Option(help: "How many classes to show.")
  var top = 5

  @Flag(help: "Print one JSON object a line and image.")
  var json = false

  @OptionGroup var threading: ThreadOption

  func validate() throws {
    guard top >= 1 else { throw ValidationError("--top is \(top); it must be at least 1") }
  }

  func run() throws {
    try threading.apply()
    let model = try Checkpoint(path: checkpoint)
    var status: Int32 = 0
    for image in images {
      let predictions: [Prediction]
      do {
        predictions = try model.predict(image, count: top)
      } catch let error as any ReportableError
        where error.category == .badData || error.category == .inputOutput
      {
        writeError("tetrajet: \(error)\n")
        status = max(status, error.category.rawValue)
        continue
      }
      try show(predictions, of: image)
    }
    if status != 0 { throw ExitCode(status) }
  }

  private func show(_ predictions: [Prediction], of image: String) throws {
    if json {
      var line = JSONLine()
      line.add("image", image)
      line.add(
        "predictions",
        predictions.map { prediction in
          var object = JSONLine()
          object.add("label", prediction.label)
          object.add("name", prediction.name)
          object.add("probability", prediction.probability)
          return object
        })
      try printLine(line.text)
    } else {
      try printLine(image)
      let width = predictions.map(\.name.displayWidth).max() ?? 0
      for prediction in predictions {
        try printLine(
          "  \(padded(prediction.name, width))  \(fixed(100 * prediction.probability, 2)) %")
      }
    }
  }
}
