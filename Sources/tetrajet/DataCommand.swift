import ArgumentParser
import Files
import ImageData

struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data",
    abstract:
      "Look at images: their form, classes, sizes, broken and equal files, mean and deviation.",
    discussion: """
      PATH is what 'train --data' takes: a folder of class folders, a folder with train/ and test/ (or val/), a tar \
      archive of them, a folder with train.tar and test.tar (or val.tar), a folder of WebDataset shards, CIFAR's \
      binary files, IDX files, or 'digits'; or any other folder of images, or an image, with what is missing to train \
      on it. All images are decoded. Files that are not taken are counted and named, and so are images that are on \
      both sides or twice on one. What comes last are options for 'train': the model and image size that suit, and \
      mean and standard deviation of values in 0...1, every image weighing the same.

        tetrajet data FOLDER
        tetrajet data photos.tar --sample 5000
        tetrajet data FOLDER --json > survey.json

      Broken images are named and counted; the exit status is 0 all the same.
      """)

  @Argument(help: "A folder, a tar archive, an image, or 'digits'.")
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
    let options = DatasetSurvey.Options(sample: sample, listedBroken: list)
    let datasets: ImageDatasets
    do {
      datasets = try ImageDatasets.open(path)
    } catch let error as DatasetError {
      try surveyLoose(options, problem: error)
      return
    }
    let display = SurveyDisplay(datasets.description)
    let survey = DatasetSurvey(datasets, options, threads: threading.count) {
      display.progressed($0, of: $1)
    }
    display.finished()
    try printLine(json ? survey.json() : survey.text())
  }

  /// Looks at the images that are there, where they are no data set.
  ///
  /// - Throws: `problem` where there are none.
  private func surveyLoose(_ options: DatasetSurvey.Options, problem: DatasetError) throws {
    guard let images = try LooseImages(path) else { throw problem }
    let display = SurveyDisplay(
      "\(path): \(counted(images.count, "image")), but no data set to train on")
    let survey = DatasetSurvey(images, options, threads: threading.count) {
      display.progressed($0, of: $1)
    }
    display.finished()
    let text = "\(problem)"
    try printLine(json ? survey.json(problem: text) : survey.text(problem: text))
  }
}
