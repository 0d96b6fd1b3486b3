import Runtime

/// What a data set consists of, found by decoding all its images or an even sample of them.
public struct DatasetSurvey: Sendable {
  /// What is looked at, and how much of what is found is kept.
  public struct Options: Sendable {
    /// How many images of each side to look at, evenly spread over it; nil for all.
    public var sample: Int?
    /// How many broken images of each side to name; all of them are counted.
    public var listedBroken: Int

    /// Options for a survey.
    public init(sample: Int? = nil, listedBroken: Int = 20) {
      (self.sample, self.listedBroken) = (sample, listedBroken)
    }
  }

  /// What form the data set has and where it is.
  public let source: String
  /// The classes, in the order of their labels.
  public let classNames: [String]
  /// The images to train on.
  public let train: SideSurvey
  /// The images to test with.
  public let test: SideSurvey

  /// Looks at a data set on as many threads as `Threads.count` says. The result is the same for any
  /// number of them.
  ///
  /// - Parameter progress: Called from any thread after every image, with how many images of how
  ///   many have been looked at.
  public init(
    _ datasets: ImageDatasets, _ options: Options = Options(),
    progress: @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) {
    let sides = [datasets.train, datasets.test]
    let samples = sides.map { EvenSample(of: $0.count, options.sample ?? $0.count) }
    let total = samples[0].count + samples[1].count
    (source, classNames) = (datasets.source, datasets.train.classNames)
    train = SideSurvey(datasets.train, samples[0], listedBroken: options.listedBroken) {
      progress($0, total)
    }
    test = SideSurvey(datasets.test, samples[1], listedBroken: options.listedBroken) {
      progress(samples[0].count + $0, total)
    }
  }
}

/// Some of 0 ..< n, as far from each other as they can be.
struct EvenSample {
  private let total: Int
  /// How many there are.
  let count: Int

  /// `wanted` of `total` numbers, all where there are not so many.
  init(of total: Int, _ wanted: Int) {
    (self.total, count) = (total, min(wanted, total))
  }

  /// Number `index` of them.
  subscript(index: Int) -> Int {
    // In full width: the product of two counts may overflow.
    let product = index.multipliedFullWidth(by: total)
    return count.dividingFullWidth(product).quotient
  }
}
