import Files
import ImageData
import MXRuntime

/// Times the batches of a recipe's training images without a model: how fast can files be read, decoded and augmented?
package struct LoaderBenchmark {
  private let recipe: Recipe
  private let loader: BatchLoader
  private let images: Int

  /// - Throws: what is wrong with the data or the recipe.
  package init(_ recipe: Recipe) throws {
    self.recipe = recipe
    let data = try ImageDatasets.open(recipe.data.path, split: recipe.data.split).train
    images = data.count
    loader = try BatchLoader(
      dataset: data, preprocessing: recipe.preprocessing,
      options: recipe.loaderOptions(training: true))
  }

  /// Goes through the training images once and then `repeats` times more; what the first pass leaves in the cache
  /// serves the others.
  ///
  /// - Throws: loader errors.
  package func run(repeats: Int) throws -> BenchmarkResult {
    let first = try secondsOf { try pass(0) }
    var seconds: [Double] = []
    for epoch in 1...repeats { seconds.append(try secondsOf { try pass(epoch) }) }
    let count = Double(images - loader.skipped.count)
    let time = median(seconds)
    var line = JSONLine()
    line.add("bench", "loader")
    line.add("data", recipe.data.path)
    line.add("policy", recipe.data.augmentation.policy.text)
    line.add("crop", recipe.data.augmentation.crop.rawValue)
    line.add("image_size", recipe.model.imageSize)
    line.add("batch", recipe.training.batchSize)
    line.add("threads", recipe.data.workers)
    line.add("images", images)
    line.add("skipped", loader.skipped.count)
    line.add("first_pass_images_per_second", count / first)
    line.add("images_per_second", count / time)
    line.add("peak_memory_mb", ProcessUsage.peakMemory)
    line.add("seconds", time)
    return BenchmarkResult(
      line: line, text: "\(counted(images, "image")) at \(recipe.model.imageSize) px",
      seconds: time,
      rate: "\(twoDigits(count / time)) images/s (first pass \(twoDigits(count / first)))")
  }

  private func pass(_ epoch: Int) throws {
    let batches = loader.epoch(epoch)
    while try batches.next() != nil {}
  }
}
