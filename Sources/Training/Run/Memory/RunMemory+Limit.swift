import Files
import ImageData
import MXCompute
import MXLinear
import MXRuntime
import Oscillation
import VisionModels

/// A run that would take more memory than it may.
package struct RunMemoryError: ReportableError {
  /// MiB that it would take.
  package let needed: Double
  /// Whether that is what it takes at the very least, and not an estimate.
  package let isLeast: Bool
  /// The parts, largest first.
  package let parts: [RunMemory.Part]
  /// What it may take.
  package let limit: MemoryLimit
  /// Settings with which it would fit.
  package let advice: [String]

  /// Usage: another recipe would do.
  package var category: ErrorCategory { .usage }

  /// One line.
  package var description: String {
    let parts = parts.prefix(5).map { "\($0.name) \(Self.text($0.mebibytes))" }
    return "the run takes \(isLeast ? "at least" : "about") \(Self.text(needed)) MiB of memory "
      + "(\(parts.joined(separator: ", "))), and \(limit.source) is \(Self.text(limit.mebibytes)) MiB; "
      + (advice.isEmpty
        ? "try a smaller model: model.width, model.depth or model.image_size"
        : "try " + advice.joined(separator: ", or "))
  }

  private static func text(_ mebibytes: Double) -> String { "\(Int(mebibytes.rounded(.up)))" }
}

extension RunMemory {
  /// The MiB that a run is expected to take at its peak, if it may.
  ///
  /// - Parameter limit: nil for what the process has (`MemoryLimit.ofProcess`).
  /// - Throws: `RunMemoryError` and `ModelError` where it takes more; what `init` throws.
  static func admit(
    _ recipe: Recipe, _ data: ImageDatasets, _ compute: any TrainingCompute, limit: MemoryLimit?,
    ranks: Int = 1, extraRemedies: (WeightQuantizer) -> [any Remedy]
  ) throws -> Double {
    let limit = limit ?? .ofProcess(reserved: reserved(recipe, compute))
    let memory = try RunMemory(
      recipe, data, compute, limit: limit, ranks: ranks, extraRemedies: extraRemedies)
    try memory.check(limit)
    return memory.mebibytes
  }

  /// MiB of addresses that are set aside and stay empty: the ends of chunks of two workspaces, and
  /// malloc's own for each thread.
  private static func reserved(_ recipe: Recipe, _ compute: any Compute) -> Double {
    64 * Double(4 + compute.threads + recipe.data.workers)
  }

  /// - Throws: `RunMemoryError` where the run takes more than it may.
  package func check(_ limit: MemoryLimit) throws {
    guard mebibytes > limit.mebibytes else { return }
    throw RunMemoryError(
      needed: mebibytes, isLeast: false, parts: largestParts, limit: limit, advice: advice(limit))
  }

  /// The settings that are most easily changed, each by as little as makes the run fit; all of them
  /// where no one does.
  func advice(_ limit: MemoryLimit) -> [String] {
    func fits(
      batch: Int? = nil, microBatch: Int? = nil, recomputation: Recomputation? = nil,
      cacheMegabytes: Int? = nil, workers: Int? = nil
    ) -> Bool {
      let parts = parts(
        batch: batch, microBatch: microBatch, recomputation: recomputation,
        cacheMegabytes: cacheMegabytes, workers: workers)
      return Self.sum(parts) <= limit.mebibytes
    }
    /// The largest value below `current` that fits; nil where not even `least` does.
    func largest(_ range: Range<Int>, fits: (Int) -> Bool) -> Int? {
      guard let least = range.first, fits(least) else { return nil }
      var (good, bad) = (least, range.upperBound)
      while bad - good > 1 {
        let middle = (good + bad) / 2
        if fits(middle) { good = middle } else { bad = middle }
      }
      return good
    }
    let (size, microSize) = (recipe.training.batchSize, recipe.training.microBatchSize)
    let (batches, cache) = (1..<microSize, 0..<recipe.data.cacheMegabytes)
    var advice: [String] = []
    // What changes no bit comes first.
    let cheaper = Recomputation.allCases.drop { $0 != recipe.training.recomputation }.dropFirst()
    if let cheaper = cheaper.first(where: { fits(recomputation: $0) }) {
      advice.append("training.recompute=\(cheaper.rawValue)")
    }
    // Then the same batch in smaller pieces: it leaves the learning rate what it is.
    let pieces = (1..<microSize).filter {
      size.isMultiple(of: $0) && size / $0 <= StepContext.maximumMicroBatches
    }
    if let piece = pieces.last(where: { fits(microBatch: $0) }) {
      advice.append("training.micro_batch=\(piece)")
    }
    let isWhole = recipe.training.microBatch == 0
    if isWhole, let batch = largest(batches, fits: { fits(batch: $0) }) {
      advice.append("training.batch_size=\(batch)")
    }
    if let cache = largest(cache, fits: { fits(cacheMegabytes: $0) }) {
      advice.append("data.cache_megabytes=\(cache)")
    }
    if recipe.data.workers > 1, fits(workers: 1) { advice.append("data.workers=1") }
    if advice.isEmpty, isWhole,
      let batch = largest(batches, fits: { fits(batch: $0, cacheMegabytes: 0, workers: 1) })
    {
      advice = ["training.batch_size=\(batch) with data.cache_megabytes=0 and data.workers=1"]
    }
    return advice
  }
}

extension VisionModel {
  /// - Parameter ranks: how many share the moments out.
  /// - Throws: `RunMemoryError` where weights, gradients and moments alone take more than there is.
  func checkMemory(_ limit: MemoryLimit, momentsOver ranks: Int) throws {
    let needed = (8 + 8 / Double(ranks)) * Double(parameters.count) / 1_048_576
    guard needed > limit.mebibytes else { return }
    throw RunMemoryError(
      needed: needed, isLeast: true, parts: [("weights, gradients and moments", needed)],
      limit: limit, advice: [])
  }
}
