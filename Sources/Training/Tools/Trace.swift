import MXLinear
import Runtime
import VisionModels

/// One training step laid open, for anyone who compares implementations.
///
/// Reads a model (`model.*` under timm's names, its shape in the metadata), `images` [B, channels, height,
/// width] and `labels` [B], and for Q-EMA `model.NAME.ema` beside the quantized weights (without them, they round to the
/// nearest, as in the first steps); writes `logits` [B, K], `loss` [1] (mean cross entropy) and `grad.<name>`, and in the
/// metadata how many products of linear layers each engine computed (`products_packed`, `products_simulated`).
///
/// - Throws: `SafetensorsError`, `ModelError`, `FileError`, `OutputError`, `NonFiniteTensor`.
public func traceStep(
  _ input: String, output: OutputFile, recipe: LinearRecipe, engine: Engine, seed: UInt64
) throws {
  let file = try SafetensorsFile(path: input)
  let model = try VisionModel(
    ModelConfiguration(metadataOf: file), recipe: recipe, engine: engine)
  let weights = try model.parameters.read(from: file, prefix: "model.")
  let averages = try model.parameters.readAverages(from: file, prefix: "model.")

  let shape = model.configuration
  let batch = try file.entry("images").shape.first ?? 0
  var images = try file.floats(
    "images", shape: [batch, shape.channels, shape.imageSize, shape.imageSize])
  let labels = try file.integers("labels")
  guard labels.count == batch, batch > 0 else {
    throw file.error(.shape(tensor: "labels", found: [labels.count], expected: [batch]))
  }
  guard labels.allSatisfy((0..<shape.classes).contains) else {
    throw file.error(
      .unsuitable(tensor: "labels", type: "I64", expected: "labels from 0 to \(shape.classes - 1)"))
  }

  let workspace = Workspace()
  let products = ProductCensus()
  let pass = Pass(
    weights: weights, weightEMA: averages, workspace: workspace,
    context: StepContext(seed: seed, products: products))
  let gradients = AlignedBuffer<Float>(count: weights.count)
  let results = try images.withUnsafeMutableBufferPointer { images in
    let (logits, saved) = try model.forward(images.baseAddress!, batch: batch, pass)
    let dlogits = workspace.kept.matrix(rows: batch, columns: shape.classes)
    let score = crossEntropy(logits, labels: labels, dlogits: dlogits)
    try model.backward(dlogits: dlogits, saved, gradients: gradients, pass)
    return (logits: Array(logits.elements), loss: Float(score.meanLoss))
  }
  try writeSafetensors(
    output,
    tensors: [
      .floats("logits", shape: [batch, shape.classes], results.logits),
      .floats("loss", shape: [1], [results.loss]),
    ] + model.parameters.tensors(of: gradients, prefix: "grad."),
    metadata: shape.metadata.merging(
      Engine.allCases.map { ("products_\($0.rawValue)", "\(products[$0])") }
    ) { $1 })
}
