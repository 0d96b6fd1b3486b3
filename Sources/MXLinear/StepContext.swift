import MXCompute
import MXRuntime

/// Where a quantization happens: which micro-batch of which step of which run. With a layer's number it keys the
/// random bits of stochastic rounding (`RandomStream`).
///
/// It belongs to the thread that runs the step, as its profile and its censuses do: worker threads get numbers only.
public struct StepContext {
  /// What computes.
  package let compute: any Compute
  /// The run's seed.
  public var seed: UInt64
  /// The training step.
  public var step: Int
  /// Which of the step's micro-batches, each of which draws random numbers of its own.
  public var microBatch: Int
  /// What layers with learned steps find anew.
  package var recalibration = Recalibration.none
  /// Whether parameters may be put right.
  package var isTraining = false
  /// Where the time of the step's parts is added up; nil for nowhere.
  package var profile: StepProfile?
  /// Where what the quantizers lose is counted; nil for nowhere.
  package var census: QuantizerCensus?
  /// Where it is followed how inputs and their codes move; nil for nowhere.
  package var inputs: InputCensus?
  /// Where it is counted which engine computes the products; nil for nowhere.
  package var products: ProductCensus?

  /// A pass of which nothing is drawn at random, as in evaluations.
  package init(_ compute: any Compute, products: ProductCensus? = nil) {
    self.init(compute, seed: 0, step: 0, products: products)
  }

  /// A step of a run: the random bits of Q3 to Q6 (the paper's Eq. 4 and 5) are a function of seed, step and micro-batch.
  ///
  /// - Parameters:
  ///   - cpu: what computes.
  ///   - seed: the run's.
  ///   - step: another number for every step, or its random bits are those of another one.
  ///   - microBatch: which of the step's micro-batches.
  /// - Precondition: 0 ≤ microBatch < `maximumMicroBatches`.
  public init(_ cpu: CPU, seed: UInt64, step: Int, microBatch: Int = 0) {
    self.init(cpu as any Compute, seed: seed, step: step, microBatch: microBatch)
  }

  /// The same by anything that computes.
  ///
  /// - Parameters:
  ///   - profile: where the time of the step's parts is added up; nil for nowhere.
  ///   - census: where what the quantizers lose is counted; nil for nowhere.
  ///   - products: where it is counted which engine computes the products; nil for nowhere.
  package init(
    _ compute: any Compute, seed: UInt64, step: Int, microBatch: Int = 0,
    profile: StepProfile? = nil, census: QuantizerCensus? = nil, products: ProductCensus? = nil
  ) {
    precondition((0..<Self.maximumMicroBatches).contains(microBatch), "micro-batch \(microBatch)")
    self.compute = compute
    (self.seed, self.step, self.microBatch) = (seed, step, microBatch)
    self.profile = profile
    self.census = census
    self.products = products
  }

  /// The random bits of one operand of a layer.
  package func random(_ operand: Operand, layer: Int) -> RandomStream {
    let purpose: RandomPurpose =
      switch operand {
      case .q1: .q1
      case .q2: .q2
      case .q3: .q3
      case .q4: .q4
      case .q5: .q5
      case .q6: .q6
      }
    return random(purpose, layer: layer)
  }

  /// Micro-batches that a step may have.
  public static let maximumMicroBatches = 1 << 12
  /// Layers of a kind that a model may have.
  private static let maximumLayers = 1 << 12

  /// The random bits of a layer for a purpose.
  package func random(_ purpose: RandomPurpose, layer: Int) -> RandomStream {
    precondition((0..<Self.maximumLayers).contains(layer), "layer \(layer)")
    return RandomStream(
      seed: seed, purpose: purpose, step: step, layer: microBatch * Self.maximumLayers + layer)
  }
}
