import Files
import Fuzzing
import ImageData
import Testing

@Suite("Surveys of data sets")
struct SurveyTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A small data set: 3 images of class a (one a JPEG, one grey), 1 of b, 2 of c, and broken ones.
  private func write(broken: Int = 0) throws -> ImageDatasets {
    let images = ["a/1.png", "a/2.png", "b/1.png", "c/1.png", "c/2.png"].enumerated()
    for (index, name) in images {
      let image = pattern(2 + index, 7 - index, 3, start: 50 * index)
      let rows = (0..<image.height).map {
        Array(image.pixels[$0 * 3 * image.width..<($0 + 1) * 3 * image.width])
      }
      let file = PNGWriter.file(
        width: image.width, height: image.height, type: PNGWriter.colour, rows: rows)
      try folder.write("train/\(name)", file)
      if name.hasSuffix("1.png") { try folder.write("test/\(name)", file) }
    }
    try folder.write("train/a/3.jpg", jpeg(pattern(9, 1, 1)))
    for item in 0..<broken { try folder.write("train/a/z\(100 + item).png", [1, 2, 3]) }
    return try ImageDatasets.open(folder.path)
  }

  @Test("counts, formats, sizes and balance")
  func counts() throws {
    let survey = DatasetSurvey(try write(), threads: 2)
    #expect(survey.source == "class folders in \(folder.path)")
    #expect(survey.classNames == ["a", "b", "c"])
    let train = survey.train
    #expect(train.count == 6 && train.surveyed == 6 && train.classCounts == [3, 1, 2])
    #expect(train.formats == [.png: 5, .jpeg: 1] && train.bare == 0)
    #expect(train.coloured == 5 && train.grey == 1 && train.brokenCount == 0)
    let width = try #require(train.widths.summary)
    let height = try #require(train.heights.summary)
    // Widths 2, 3, 4, 5, 6, 9 and heights 7, 6, 5, 4, 3, 1.
    #expect(width == (2, 4, 9) && height == (1, 4, 7))
    #expect(survey.test.count == 3 && survey.test.classCounts == [1, 1, 1])
    let balance = try #require(ClassBalance(train.classCounts))
    #expect(balance.smallest.label == 1 && balance.smallest.count == 1)
    #expect(balance.median.label == 2 && balance.largest.label == 0)
    let bytes = try (0..<6).reduce(0) {
      try $0 + readFile(ImageDatasets.open(folder.path).train.name($1)).count
    }
    #expect(train.fileBytes == bytes)
  }

  @Test("mean and deviation are those of values in 0...1, every image weighing the same")
  func statistics() throws {
    let datasets = try write()
    let statistics = try #require(DatasetSurvey(datasets, threads: 2).train.statistics)
    #expect(statistics.mean.count == 3)
    for channel in 0..<3 {
      var (mean, square) = (0.0, 0.0)
      for index in 0..<6 {
        let image = try datasets.train.image(index).converted(channels: 3)
        let values = stride(from: channel, to: image.pixels.count, by: 3).map {
          Double(image.pixels[$0]) / 255
        }
        mean += values.reduce(0, +) / Double(values.count) / 6
        square += values.reduce(0) { $0 + $1 * $1 } / Double(values.count) / 6
      }
      #expect(abs(statistics.mean[channel] - mean) < 1e-14)
      let deviation = (square - mean * mean).squareRoot()
      #expect(abs(statistics.standardDeviation[channel] - deviation) < 1e-12)
    }
  }

  @Test("a data set of grey images has one mean; the built-in digits are 8 x 8 pixels, ten classes")
  func digits() throws {
    let survey = DatasetSurvey(try ImageDatasets.open("digits"), threads: 2)
    #expect(survey.train.bare == 1437 && survey.train.formats.isEmpty && survey.train.grey == 1437)
    let width = try #require(survey.train.widths.summary)
    #expect(width == (8, 8, 8) && survey.train.fileBytes == 0)
    let statistics = try #require(survey.train.statistics)
    // What recipes for the digits say, rounded there.
    #expect(statistics.mean.count == 1 && abs(statistics.mean[0] - 0.3) < 0.01)
    #expect(abs(statistics.standardDeviation[0] - 0.38) < 0.01)
  }

  @Test("any number of threads finds the same to the bit, across groups of images")
  func threads() throws {
    let datasets = try write(broken: 1200)
    let surveys = [1, 2, 5].map { threads in
      DatasetSurvey(datasets, .init(listedBroken: 3), threads: threads)
    }
    for survey in surveys {
      #expect(survey.train.statistics?.mean == surveys[0].train.statistics?.mean)
      #expect(
        survey.train.statistics?.standardDeviation
          == surveys[0].train.statistics?.standardDeviation)
      #expect(survey.train.broken == surveys[0].train.broken)
      #expect(survey.train.brokenCount == 1200)
    }
  }

  @Test("broken images are counted, the first ones named, and in no other number")
  func broken() throws {
    let survey = DatasetSurvey(try write(broken: 5), .init(listedBroken: 2), threads: 2)
    #expect(survey.train.count == 11 && survey.train.brokenCount == 5)
    #expect(survey.train.formats == [.png: 5, .jpeg: 1])
    #expect(
      survey.train.broken.map(\.name)
        == ["z100", "z101"].map { "\(folder.path)/train/a/\($0).png" })
    #expect(survey.train.broken.allSatisfy { $0.reason.contains("neither JPEG") })
    #expect(
      survey.train.statistics?.mean == DatasetSurvey(try write(), threads: 2).train.statistics?.mean
    )
  }

  @Test("a side of broken images has no mean and no sizes")
  func allBroken() throws {
    for side in ["train", "test"] { try folder.write("\(side)/a/1.png", []) }
    let survey = DatasetSurvey(try ImageDatasets.open(folder.path), threads: 2)
    #expect(survey.train.statistics == nil && survey.train.widths.summary == nil)
    #expect(survey.train.brokenCount == 1 && survey.train.broken.count == 1)
  }

  @Test("a sample is spread evenly, the same every time, and no larger than the data set")
  func sample() throws {
    for (index, name) in ["a", "b"].enumerated() {
      for item in 0..<50 {
        let bytes = jpeg(pattern(1 + item + 50 * index, 1, 1))
        try folder.write("train/\(name)/\(100 + item).jpg", bytes)
      }
      try folder.write("test/\(name)/1.jpg", jpeg(pattern(1, 1, 1)))
    }
    let survey = DatasetSurvey(try ImageDatasets.open(folder.path), .init(sample: 10), threads: 2)
    #expect(survey.train.count == 100 && survey.train.surveyed == 10)
    #expect(survey.test.surveyed == 2 && survey.train.classCounts == [50, 50])
    // Images 0, 10, … 90 are 1, 11, … 91 wide.
    let width = try #require(survey.train.widths.summary)
    #expect(width == (1, 41, 91))
  }

  @Test("an archive is surveyed as the folder it was made of")
  func archive() throws {
    let datasets = try write()
    let files = try [datasets.train, datasets.test].flatMap { set in
      try (0..<set.count).map {
        (String(set.name($0).dropFirst(folder.path.count + 1)), try readFile(set.name($0)))
      }
    }
    let path = try folder.write("a.tar", tar(files))
    let (one, other) = (
      DatasetSurvey(datasets, threads: 2), DatasetSurvey(try ImageDatasets.open(path), threads: 2)
    )
    #expect(one.train.statistics?.mean == other.train.statistics?.mean)
    #expect(one.train.fileBytes == other.train.fileBytes && other.test.count == 3)
  }
}
