import Files
import MXRuntime
import Ranks
import VisionModels

/// Nobody is there to exchange anything with.
package struct AloneError: ReportableError {
  /// What to do.
  package var description: String {
    "there is one rank, which has nobody to exchange gradients with; start several: mpirun -n 2 tetrajet …"
  }

  /// Wrong use.
  package var category: ErrorCategory { .usage }
}

extension Benchmarks {
  /// What ranks spend on each other where nothing is computed meanwhile: an agreement, of which a step has three, and the
  /// sum of a model's gradients.
  ///
  /// - Throws: `AloneError` where there is one rank; as `Ranks.exchange`.
  package func exchange(_ report: (BenchmarkResult) throws -> Void) throws {
    guard ranks.count > 1 else { throw AloneError() }
    let model = try VisionModel(shape, recipe: method.linearRecipe, engine: engine)
    let gradients = AlignedBuffer<Float>(repeating: 1, count: model.parameters.count)
    let tree = GradientTree(
      gradients, microBatches: ranks.count, cpu, ranks: ranks,
      chunks: GradientExchange.chunks(of: model.parameters))
    // One waits while the other one is ahead: only the mean of several says how long an agreement takes.
    let agreements = 20
    let agreement =
      try medianSeconds(warmups: 1, repeats: repeats) {
        for _ in 0..<agreements { _ = try ranks.gather([]) }
      } / Double(agreements)
    var seconds: [Double] = []
    for _ in 0..<2 + repeats {
      tree.begin()
      tree.expect(ranks.rank)
      let nodes = try ranks.gather(tree.ownNodes)
      seconds.append(
        try secondsOf {
          tree.beginExchange(nodes)
          try tree.finish()
        })
    }
    let time = median(Array(seconds.dropFirst(2)))
    let bytes = gradients.count * MemoryLayout<Float>.stride
    // What each rank sends, and receives.
    let travelled = 2 * bytes * (ranks.count - 1) / ranks.count
    var line = line("exchange")
    line.add("ranks", ranks.count)
    line.add("gradient_bytes", bytes)
    line.add("sent_bytes", travelled)
    line.add("agreement_seconds", agreement)
    try report(
      result(
        line, time, text: "\(name) gradients, \(ranks.count) ranks",
        rate: "\(twoDigits(Double(travelled) * 8 / time / 1e9)) Gbit/s each way; "
          + "an agreement \(twoDigits(agreement * 1e3)) ms"))
  }
}
