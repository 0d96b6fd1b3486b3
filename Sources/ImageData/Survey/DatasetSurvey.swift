/// What a data set consists of, found by decoding all its images or an even sample of them.
package struct DatasetSurvey: Sendable {
  /// What is looked at, and how much of what is found is kept.
  package struct Options: Sendable {
    /// How many images of each side to look at, evenly spread over it; nil for all.
    package var sample: Int?
    /// How many broken images of each side to name; all of them are counted.
    package var listedBroken: Int

    /// Options for a survey.
    package init(sample: Int? = nil, listedBroken: Int = 20) {
      (self.sample, self.listedBroken) = (sample, listedBroken)
    }
  }

  /// What form the data set has and where it is.
  package let source: String
  /// The classes, in the order of their labels.
  package let classNames: [String]
  /// The sides and what they are called: "train" and "test", or "images" alone where nothing can be trained on.
  package let sides: [(name: String, survey: SideSurvey)]
  /// What is to be said of the data set, a line each.
  package let notes: [String]
  /// The images that are there more than once.
  package let equalFiles: EqualFiles

  /// The images to train on.
  package var train: SideSurvey { sides[0].survey }
  /// The images to test with.
  package var test: SideSurvey { sides[sides.count - 1].survey }

  /// Looks at a data set. The result is the same for any number of threads.
  ///
  /// - Parameter progress: Called from any thread after every image, with how many images of how
  ///   many have been looked at.
  package init(
    _ datasets: ImageDatasets, _ options: Options = Options(), threads: Int,
    progress: @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) {
    self.init(
      datasets.source, notes: datasets.notes,
      [
        ("train", datasets.train, datasets.passedOver.train),
        ("test", datasets.test, datasets.passedOver.test),
      ], options, threads, progress)
  }

  /// Looks at images of which nothing can be trained on, in a folder or a single one.
  ///
  /// - Parameter progress: As above.
  package init(
    _ images: LooseImages, _ options: Options = Options(), threads: Int,
    progress: @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) {
    self.init(
      "images in \(images.path)", notes: [], [("images", images, images.passedOver)], options,
      threads, progress)
  }

  private init(
    _ source: String, notes: [String],
    _ sides: [(name: String, images: any ImageDataset, passedOver: PassedOver)],
    _ options: Options, _ threads: Int, _ progress: @Sendable (_ done: Int, _ total: Int) -> Void
  ) {
    let samples = sides.map { EvenSample(of: $0.images.count, options.sample ?? $0.images.count) }
    let total = samples.reduce(0) { $0 + $1.count }
    (self.source, self.notes, classNames) = (source, notes, sides[0].images.classNames)
    let datasets = sides.map(\.images)
    var equalFiles = EqualFiles()
    var done = 0
    var surveys: [(name: String, survey: SideSurvey)] = []
    for (number, side) in sides.enumerated() {
      let before = done
      var survey = SideSurvey(
        side.images, samples[number], listedBroken: options.listedBroken, threads: threads,
        found: { equalFiles.add($1, side: number, index: $0, of: datasets) },
        progress: { progress(before + $0, total) })
      survey.passedOver = side.passedOver
      surveys.append((side.name, survey))
      done += samples[number].count
    }
    equalFiles.finish()
    (self.sides, self.equalFiles) = (surveys, equalFiles)
  }
}
