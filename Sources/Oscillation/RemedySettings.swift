/// The hyper-parameters of all remedies; the defaults are those of their papers.
public struct RemedySettings: Equatable, Sendable {
  /// `qema.*` (the paper's Algorithm 1).
  public struct QEMA: Equatable, Sendable {
    /// β of w_EMA ← β·w_EMA + (1 − β)·w.
    public var beta: Float = 0.998
    /// Steps that the average has seen before Q2 rounds by it.
    public var startStep = 10
  }

  /// `qramping.*` (the paper's Algorithm 2).
  public struct QRamping: Equatable, Sendable {
    /// Steps between two detections, T_update; 0 for an epoch.
    public var updateEvery = 0
    /// Steps of a detection, T0.
    public var detectionSteps = 30
    /// k1 of N_w = min(k2·⌊R_w/k1⌋ + 1, N_max).
    public var k1: Float = 16
    /// k2.
    public var k2: Float = 5
    /// N_max; 0 for the steps of an epoch.
    public var maximumPeriod = 0

    /// Steps from one detection to the next.
    public func interval(stepsPerEpoch: Int) -> Int {
      updateEvery > 0 ? updateEvery : stepsPerEpoch
    }
  }

  /// `dampen.*` (Nagel et al. 2022, section 4.1).
  public struct Dampen: Equatable, Sendable {
    /// What is summed over the inputs of a row.
    public enum Reduction: String, CaseIterable, Sendable {
      /// λ·Σ(w − Q(w))², as the text has it: in training from scratch it pins the weights to the grid.
      case sum
      /// The mean over a row's D inputs, as the published code has it: D times weaker.
      case rowMean = "row-mean"
    }
    /// λ at the end of training; it rises from 0 on a cosine.
    public var lambda: Float = 0.1
    /// The share of training before it rises.
    public var start: Float = 0.25
    /// What the squares of a row's D inputs become; by default the mean, as in the published code.
    public var reduction = Reduction.rowMean
  }

  /// `freeze.*` (Nagel et al. 2022, section 4.2).
  public struct Freeze: Equatable, Sendable {
    /// m of f ← m·o + (1 − m)·f, and of the running mean.
    public var momentum: Float = 0.001
    /// The share of training before the first weight is frozen.
    public var start: Float = 0.25
    /// The threshold of f from there on, and at the end; a cosine between.
    public var thresholdStart: Float = 0.1, thresholdEnd: Float = 0.01
  }

  /// `oscireset.*` (TetraJet-v2).
  public struct OsciReset: Equatable, Sendable {
    /// The share of training before the first window.
    public var start: Float = 0.6
    /// Steps from one window's beginning to the next one's, P.
    public var period = 400
    /// Steps of a window, T.
    public var window = 50
    /// R_w from which a weight is reset.
    public var threshold: Float = 8
  }

  /// Each remedy's.
  public var qema = QEMA(), qramping = QRamping(), dampen = Dampen(), freeze = Freeze(),
    oscireset = OsciReset()

  /// The defaults.
  public init() {}
}
