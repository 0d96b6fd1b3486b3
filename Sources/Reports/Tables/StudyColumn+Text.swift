import Training

/// How a table shows its columns.
extension StudyColumn {
  /// Whether a lower or higher number is a better model: those that differences are taken of.
  var isQuality: Bool { [.top1, .top5, .testLoss, .trainLoss].contains(self) }

  /// The heading, with the unit.
  var heading: String {
    switch self {
    case .top1: "top-1 %"
    case .top5: "top-5 %"
    case .testLoss: "test loss"
    case .trainLoss: "train loss"
    case .weightRate: "r(W) ‰"
    case .quantizedWeightRate: "r(W_Q) ‰"
    case .outputRate: "r(Y) ‰"
    case .fullInputOutputRate: "r(Y) without Q1 ‰"
    case .inputFlips: "flips of X %"
    case .oscillatingShare: "R_w>16 %"
    case .imagesPerSecond: "images/s"
    case .peakMemory: "peak MiB"
    }
  }

  /// What a number is shown times, and with how many decimals.
  var format: (factor: Double, digits: Int) {
    switch self {
    case .top1, .top5: (1, 2)
    case .testLoss, .trainLoss: (1, 4)
    case .weightRate, .quantizedWeightRate, .outputRate, .fullInputOutputRate: (1000, 2)
    case .oscillatingShare, .inputFlips: (100, 2)
    case .imagesPerSecond, .peakMemory: (1, 0)
    }
  }

  /// The number of a finished run; nil where it measured none.
  func value(of run: RunRecord) -> Double? {
    guard let summary = run.summary else { return nil }
    return switch self {
    case .top1: summary.evalTop1
    case .top5: summary.evalTop5
    case .testLoss: summary.evalLoss
    case .trainLoss: summary.trainLoss
    case .weightRate: run.lateMean(.weightRate)
    case .quantizedWeightRate: run.lateMean(.quantizedWeightRate)
    case .outputRate: run.lateMean(.outputRate)
    case .fullInputOutputRate: run.lateMean(.fullInputOutputRate)
    case .inputFlips: run.lateMean(.inputFlips)
    case .oscillatingShare: run.lateMean(.oscillatingShare)
    case .imagesPerSecond: summary.imagesPerSecond
    case .peakMemory: summary.peakMemoryMB
    }
  }
}
