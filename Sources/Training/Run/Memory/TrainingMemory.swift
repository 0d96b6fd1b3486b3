import MXCompute
import MXLinear
import MXRuntime
import VisionModels

/// What a model takes of memory, by its own account: weights, gradients and moments; what the
/// forward pass keeps for the backward pass; and the most that layers need while they compute.
/// Images and the process itself come on top: `RunMemory` has them all.
package struct TrainingMemory: Sendable {
  /// Bytes of weights, gradients and two moments.
  package let state: Int
  /// What each layer keeps of one image for the backward pass, its quantized weights included:
  /// bytes, in the order of the data.
  package let kept: [(layer: String, bytes: Int)]
  /// What a training step takes, and what an evaluation does.
  package let training, evaluation: PassMemory

  /// Bytes that one more image of a batch takes in training.
  package var perImage: Double { training.perImage }

  /// Mebibytes of a training step at a batch.
  package func mebibytes(batch: Int) -> Double {
    let (kept, scratch) = training.bytes(batch: batch)
    return (Double(state) + kept + scratch) / 1_048_576
  }

  /// Multiply-adds of a forward pass that the account may cost, in all images together: a tenth of
  /// a second or two.
  static let affordable = 4_000_000_000

  /// The account of a model and a method.
  ///
  /// A model of the same layers, but of two blocks where the model has more (blocks of a stage take
  /// the same; the second has drop path and shifted windows), goes a step on one image, on as many
  /// as are cheap, and on half of these. It is gone when this returns, so that its memory adds
  /// nothing to a run's peak.
  ///
  /// - Parameter batch: the largest that will be asked for; no larger one is tried.
  /// - Throws: `ModelError`.
  package init(
    _ shape: ModelConfiguration, _ linear: LinearRecipe, _ compute: any TrainingCompute,
    engine: Engine = .packed, batch: Int = 32
  ) throws {
    let whole = try VisionModel(shape, recipe: linear, engine: engine)
    state = 16 * whole.parameters.count
    let small = shape.withTwoBlocks
    let model = try VisionModel(small, recipe: linear, engine: engine)
    let weights = AlignedBuffer<Float>(count: model.parameters.count)
    let gradients = AlignedBuffer<Float>(count: model.parameters.count)
    let largest = min(batch, max(2, Self.affordable / max(small.multiplyAdds, 1) * 2 / 3))
    let images = AlignedBuffer<Float>(
      count: largest * shape.channels * shape.imageSize * shape.imageSize)
    // What goes through the model is a view on it.
    defer { withExtendedLifetime(images) {} }
    var (layers, training, evaluation): ([Layer], [PassMemory.Point], [PassMemory.Point]) = (
      [], [], []
    )
    for batch in Set([1, (largest + 1) / 2, largest]).sorted() {
      let account = MemoryAccount()
      let step = Workspace()
      let tried = images.matrix(rows: largest).rows(0..<batch)
      var pass = Pass(
        compute, weights: weights, workspace: step, context: StepContext(compute), training: true)
      pass.account = account
      let (logits, saved) = try model.forward(tried, pass)
      let dlogits = step.scratch.matrix(rows: logits.rows, columns: logits.columns)
      compute.fill(dlogits, with: 0)
      try model.backward(dlogits: dlogits, saved, gradients: gradients, pass)
      let layersTried = account.layers.map { (layer: $0.name, bytes: $0.bytes) }
      let all = shape.withAllBlocks(layersTried)
      if batch == 1 { layers = all }
      // What the blocks that were left out would have kept.
      let missing = all.reduce(0) { $0 + $1.bytes } - layersTried.reduce(0) { $0 + $1.bytes }
      training.append(PassMemory.Point(batch, step, more: missing))
      let forward = Workspace()
      let evaluated = try model.evaluationPass(
        compute, weights: weights, averages: nil, workspace: forward, encoded: forward.kept)
      _ = try model.logits(tried, evaluated)
      evaluation.append(
        PassMemory.Point(
          batch, forward, more: whole.encodedWeightBytes - model.encodedWeightBytes))
    }
    kept = layers
    (self.training, self.evaluation) = (PassMemory(training), PassMemory(evaluation))
  }
}

private typealias Layer = (layer: String, bytes: Int)

extension ModelConfiguration {
  /// The same layers, with at most two blocks a stage.
  fileprivate var withTwoBlocks: ModelConfiguration {
    var small = self
    small.depth = min(depth, 2)
    small.stageDepths = stageDepths.map { min($0, 2) }
    return small
  }

  /// The layers of a model with two blocks a stage, and behind them those that it lacks: the even
  /// ones like the first block, the odd ones like the second.
  fileprivate func withAllBlocks(_ layers: [Layer]) -> [Layer] {
    layers.indices.flatMap { index -> [Layer] in
      let name = layers[index].layer.split(separator: ".")
      guard name.count > 1, name[name.count - 2] == "blocks", name.last == "1" else {
        return [layers[index]]
      }
      let depth = name[0] == "layers" ? stageDepths[Int(name[1])!] : depth
      let prefix = name.dropLast().joined(separator: ".")
      return (1..<depth).map { block in
        ("\(prefix).\(block)", layers[index - 1 + block % 2].bytes)
      }
    }
  }
}
