import ImageData
import MXCompute
import MXLinear
import MXRuntime
import VisionModels

/// What a model takes of memory: weights, gradients and moments; what the forward pass keeps for the backward pass; and
/// the most that layers need while they compute. Found out by dry runs of the very passes, at any batch.
///
/// Images and the process itself come on top: `RunMemory` has them all.
package struct ModelMemory {
  private let model: VisionModel
  private let compute: any TrainingCompute

  /// The memory of a model by a method's quantizers.
  ///
  /// - Throws: `ModelError`.
  package init(
    _ shape: ModelConfiguration, _ linear: LinearRecipe, _ compute: any TrainingCompute,
    engine: Engine = .packed
  ) throws {
    model = try VisionModel(shape, recipe: linear, engine: engine)
    self.compute = compute.dry
  }

  /// Bytes of weights, gradients and two moments.
  package var state: Int { 4 * MemoryLayout<Float>.stride * model.parameters.count }

  /// Bytes on the two stacks of a workspace.
  package struct Stacks: Sendable {
    /// What lasts until the step ends, and the rest.
    package let kept, scratch: Int

    init(_ workspace: Workspace) {
      kept = workspace.kept.touchedCount * MemoryLayout<Float>.stride
      scratch = workspace.scratch.touchedCount * MemoryLayout<Float>.stride
    }
  }

  /// What each layer keeps of one image for the backward pass by default, its quantized weights included: bytes, in the
  /// order of the data.
  package var kept: [(name: String, bytes: Int)] {
    let account = MemoryAccount()
    _ = step(batch: 1, recomputation: .block, account)
    return account.layers
  }

  /// What the passes of a training step take.
  package func step(batch: Int, recomputation: Recomputation = .block) -> Stacks {
    step(batch: batch, recomputation: recomputation, nil)
  }

  private func step(
    batch: Int, recomputation: Recomputation, _ account: MemoryAccount?
  ) -> Stacks {
    dryRun(batch: batch) { images, weights, _ in
      let workspace = Workspace()
      var pass = Pass(
        compute, weights: weights, workspace: workspace, context: StepContext(compute),
        training: true, recomputation: recomputation)
      pass.account = account
      let (logits, saved) = try model.forward(images.matrix, pass)
      let dlogits = workspace.scratch.matrix(rows: logits.rows, columns: logits.columns)
      try model.backward(
        dlogits: dlogits, saved, gradients: AlignedBuffer(count: weights.count), pass)
      return Stacks(workspace)
    }
  }

  /// Bytes that evaluations take, of batches of so many images.
  package func evaluation(batch: Int) -> Int {
    dryRun(batch: batch) { images, weights, ledger in
      let before = ledger.bytes
      let evaluator = Evaluator(compute, model: model, weights: weights)
      var batches = [images]
      _ = try evaluator.score { batches.popLast() }
      return withExtendedLifetime(evaluator) { ledger.bytes - before }
    }
  }

  /// Mebibytes of a training step at a batch.
  package func mebibytes(batch: Int) -> Double {
    let stacks = step(batch: batch)
    return Double(state + stacks.kept + stacks.scratch) / 1_048_576
  }

  private func dryRun<Result>(
    batch: Int, _ body: (Batch, AlignedBuffer<Float>, MemoryLedger) throws -> Result
  ) -> Result {
    let ledger = MemoryLedger()
    // Where nothing is computed, no number is found that would stop it.
    return try! ledger.dryRun {
      try body(
        Batch(placesFor: batch, of: model.configuration),
        AlignedBuffer(count: model.parameters.count), ledger)
    }
  }
}

extension Batch {
  /// Images that are not there, for dry runs.
  init(placesFor count: Int, of shape: ModelConfiguration) {
    let pixels = shape.channels * shape.imageSize * shape.imageSize
    self.init(
      images: AlignedBuffer(count: count * pixels), labels: [Int](repeating: 0, count: count),
      places: Array(0..<count), mixedShare: 1, imageSize: shape.imageSize,
      channels: shape.channels, index: 0)
  }
}
