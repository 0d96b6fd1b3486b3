import Files
import MXLinear
import MXRuntime
import TestSupport
import Testing
import VisionModels

/// Images as a matrix that lasts as long as a pass.
func input(_ images: [Float], rows: Int, _ pass: Pass) -> FloatMatrix {
  let matrix = pass.workspace.kept.matrix(rows: rows, columns: images.count / rows)
  _ = matrix.elements.update(from: images)
  return matrix
}

/// One forward and backward pass with the mean cross entropy.
struct ModelStep {
  let logits: [Float]
  let loss: Double
  let gradients: AlignedBuffer<Float>
  /// Numbers that the forward pass keeps.
  let kept: Int

  init(
    _ model: VisionModel, weights: AlignedBuffer<Float>, images: [Float], labels: [Int],
    context: StepContext = StepContext(cpu), training: Bool = false,
    recomputation: Recomputation = .block
  ) throws {
    let workspace = Workspace(chunkCount: 1 << 16)
    let pass = Pass(
      cpu, weights: weights, workspace: workspace, context: context, training: training,
      recomputation: recomputation)
    let (logits, saved) = try model.forward(input(images, rows: labels.count, pass), pass)
    kept = workspace.kept.usedCount
    let classes = model.configuration.classes
    let dlogits = workspace.kept.matrix(rows: labels.count, columns: classes)
    var loss = 0.0
    for (row, label) in labels.enumerated() {
      let z = (0..<classes).map { Double(logits.row(row)[$0]) }
      let sum = z.reduce(0) { $0 + ($1 - z.max()!).exponential }
      for k in 0..<classes {
        let p = (z[k] - z.max()!).exponential / sum
        if k == label { loss -= p.naturalLogarithm / Double(labels.count) }
        dlogits.row(row)[k] = Float((p - (k == label ? 1 : 0)) / Double(labels.count))
      }
    }
    gradients = AlignedBuffer(count: model.parameters.count)
    try model.backward(dlogits: dlogits, saved, gradients: gradients, pass)
    self.logits = Array(logits.elements)
    self.loss = loss
  }
}

@Suite("The models agree with timm's")
struct GoldenModelTests {
  @Test("in logits, loss and every gradient, in single precision", arguments: Architecture.allCases)
  func families(_ architecture: Architecture) throws {
    try expectAgreement(
      with: Golden.openModel(architecture.rawValue), method: "fp32", .fp32, .packed,
      gradientsWithin: 1e-5)
  }

  @Test(
    "in logits, loss and every gradient, by either engine",
    .enabled(if: Golden.isWhole, Golden.absence),
    // By portable kernels a gradient on a threshold may round to the other side (up to 3.2e-3 measured).
    arguments: [
      ("fp32", LinearRecipe.fp32, 1e-5), ("tetrajet", .tetrajet, 5e-3),
      ("microscaling", .microscaling, 5e-3),
    ], [("vit", Engine.packed), ("vit", .simulated), ("swin", .packed), ("swin", .simulated)])
  func golden(
    _ method: (name: String, recipe: LinearRecipe, tolerance: Double),
    _ model: (name: String, engine: Engine)
  ) throws {
    try expectAgreement(
      with: Golden.open(model.name), method: method.name, method.recipe, model.engine,
      gradientsWithin: method.tolerance)
  }

  /// Compares a step with what a file says of it.
  private func expectAgreement(
    with file: SafetensorsFile, method: String, _ recipe: LinearRecipe, _ engine: Engine,
    gradientsWithin tolerance: Double
  ) throws {
    let model = try VisionModel(
      ModelConfiguration(metadataOf: file), recipe: recipe.withBackwardRounding(.nearestEven),
      engine: engine)
    let weights = try model.parameters.read(from: file, prefix: "model.")
    let step = try ModelStep(
      model, weights: weights, images: file.floats("images"), labels: file.integers("labels"))
    let logitsError = relativeError(step.logits, try file.floats("\(method).logits"))
    #expect(logitsError <= 1e-5)
    let loss = Double(try file.floats("\(method).loss")[0])
    #expect(abs(step.loss - loss) <= 1e-5 * loss)
    var worst = (error: 0.0, name: "")
    for entry in model.parameters.entries {
      let expected = try file.floats("\(method).grad.\(entry.name)", shape: entry.shape)
      let error = relativeError(Array(step.gradients.elements[entry.range]), expected)
      #expect(error <= tolerance, "\(method) \(engine) \(entry.name): \(error)")
      if error > worst.error { worst = (error, entry.name) }
    }
    print(
      "\(model.configuration.architecture.rawValue) \(method) \(engine): logits \(logitsError), "
        + "worst gradient \(worst)")
  }
}
