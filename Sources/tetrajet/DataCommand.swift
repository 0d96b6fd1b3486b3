import ArgumentParser
import ImageData
import Runtime

struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data",
    abstract: "Look at a data set: its form, classes, sizes, broken images, mean and deviation.",
    discussion: """
      PATH is what 'train --data' takes: a folder with train/ and test/ (or val/), a tar archive \
      of them, a folder with train.tar and test.tar (or val.tar), a folder of WebDataset shards, \
      CIFAR's binary files, IDX files, or 'digits'. All images are decoded. Mean and standard \
      deviation are those of values in 0...1, every image weighing the same, and come last as \
      options for 'train'.

        tetrajet data FOLDER
        tetrajet data photos.tar --sample 5000
        tetrajet data FOLDER --json > survey.json

      Broken images are named and counted; the exit status is 0 all the same.
      """)

  @Argument(help: "The data set: a folder, a tar archive, or 'digits'.")
  var path: String

  @Option(help: "Look at so many images of each side only, evenly spread. (default: all)")
  var sample: Int?

  @Option(help: "How many broken images of each side to name.")
  var list = 20

  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup var threading: ThreadOption

  func validate() throws {
    if let sample, sample < 1 {
      throw ValidationError("--sample is \(sample); it must be at least 1")
    }
    guard list >= 0 else { throw ValidationError("--list is \(list); it must be at least 0") }
  }

  func run() throws {
    try threading.apply()
    let datasets = try ImageDatasets.open(path)
    let display = SurveyDisplay(datasets.description)
    let survey = DatasetSurvey(datasets, .init(sample: sample, listedBroken: list)) {
      display.progressed($0, of: $1)
    }
    display.finished()
    try printLine(json ? survey.json : survey.text)
  }
}
