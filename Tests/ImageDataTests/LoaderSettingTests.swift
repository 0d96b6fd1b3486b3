import ImageData
import Testing

@Suite("Loader settings")
struct LoaderSettingTests {
  private func name(
    _ dataset: any ImageDataset = SyntheticDataset(count: 3),
    preprocessing change: (inout Preprocessing) -> Void = { _ in },
    options changeOptions: (inout LoaderOptions) -> Void = { _ in }
  ) throws -> String {
    var preprocessing = rawValues(4)
    var options = LoaderOptions()
    change(&preprocessing)
    changeOptions(&options)
    let error = try #require(
      #expect(throws: LoaderError.self) {
        try BatchLoader(dataset: dataset, preprocessing: preprocessing, options: options)
      })
    guard case .setting(let name, let found, let expected) = error else { return "\(error)" }
    #expect(error.category == .usage)
    #expect(error.description == "\(name) is \(found), expected \(expected)")
    return name
  }

  @Test("a value that cannot be used is an error that names the setting")
  func values() throws {
    #expect(try name(preprocessing: { $0.imageSize = 0 }) == "imageSize")
    #expect(try name(preprocessing: { $0.imageSize = .max }) == "imageSize")
    #expect(try name(preprocessing: { $0.channels = 2 }) == "channels")
    #expect(try name(preprocessing: { $0.mean = [0, 0] }) == "mean")
    #expect(try name(preprocessing: { $0.mean = [.nan] }) == "mean")
    #expect(try name(preprocessing: { $0.standardDeviation = [0] }) == "standardDeviation")
    #expect(try name(preprocessing: { $0.augmentation.cropPadding = -1 }) == "cropPadding")
    #expect(try name(preprocessing: { $0.augmentation.flipProbability = 1.5 }) == "flipProbability")
    #expect(try name(options: { $0.batchSize = 0 }) == "batchSize")
    #expect(try name(options: { $0.batchSize = .max }) == "batchSize")
    #expect(try name(options: { $0.workers = 0 }) == "workers")
    #expect(try name(options: { $0.cacheMegabytes = -1 }) == "cacheMegabytes")
    #expect(try name(options: { $0.maximumBrokenShare = -0.1 }) == "maximumBrokenShare")
    #expect(try name(options: { $0.maximumBrokenShare = .nan }) == "maximumBrokenShare")
  }

  @Test("a data set without images is an error")
  func empty() throws {
    let error = try name(SyntheticDataset(count: 0))
    #expect(error == "the data set has no images that can be read, expected at least one")
  }
}
