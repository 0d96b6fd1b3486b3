import Exchange
import Files
import ImageData
import MXFormats
import MXRuntime
import VisionModels

extension ExportedModel {
  /// A checkpoint as it is taken away. The weights that training quantized get the codes that they had there: those of
  /// Q2, under Q-EMA by their moving averages; a file that has codes keeps them. The rest stays in single precision.
  ///
  /// - Parameter path: a checkpoint, one that `quantize` made, or a run folder.
  /// - Throws: `ExportError`, and what reading a checkpoint throws.
  package init(
    path: String, layout: ExportLayout, activations: Activations
  ) throws {
    let file = try CheckpointFile(path: path)
    let checkpoint = try Checkpoint(file)
    let (older, tensors) = (file.weights, file.tensors)
    let (recipe, table) = (checkpoint.recipe, checkpoint.model.parameters)
    let configuration = checkpoint.model.configuration
    var stored = try Self.quantization(older, recipe, layout, path)
    guard activations == .full || stored.recipe.format == .mxfp4 else {
      throw ExportError.activations(path, format: stored.recipe.format.rawValue)
    }
    if stored.recipe.rounding == .ema, checkpoint.averages == nil, older.quantizedCount == 0 {
      stored.recipe.rounding = .nearestEven
    }
    let family = configuration.architecture.family
    if layout == .hf || layout == .compressedTensors, family.hubModel == nil {
      throw ExportError.noHubModel(path, family: family.title, layout: layout.rawValue)
    }
    let means = table.entries.filter { $0.part.role == .means }
    for mean in means where activations == .mxfp4 {
      guard let obstacle = FoldedMeans.obstacle(to: mean, configuration) else { continue }
      throw ExportError.mean(path, tensor: mean.name, place: obstacle.rawValue)
    }
    var exported = try table.entries.enumerated().map { index, entry in
      let values = checkpoint.weights.elements[entry.range]
      guard entry.quantized else {
        return ExportedTensor(entry.name, shape: entry.shape, .floats(Array(values)))
      }
      guard entry.shape[1].isMultiple(of: stored.recipe.format.groupSize) else {
        throw ExportError.inputs(
          path, tensor: entry.name, inputs: entry.shape[1], group: stored.recipe.format.groupSize)
      }
      let averages = checkpoint.averages.map { Array($0.elements[entry.range]) }
      let codes =
        try tensors.codes(entry.name)
        ?? PackedMatrix(
          packing: stored.quantized(
            Array(values), shape: entry.shape, averages: averages,
            RandomStream(seed: 0, purpose: .q2, layer: index)))
      return ExportedTensor(entry.name, shape: entry.shape, .codes(codes))
    }
    var origin = Self.origin(stored, recipe, older)
    if !means.isEmpty {
      exported = FoldedMeans(means, of: checkpoint.weights, in: exported, configuration).tensors
      var plain = recipe
      plain.linear.meanSplit = []
      origin.merge(Checkpoint.metadata(checkpoint.model, plain, checkpoint.classNames)) { $1 }
    }
    self.init(
      configuration: configuration, tensors: exported, classNames: checkpoint.classNames,
      images: ImagePreparation(recipe.preprocessing), activations: activations,
      origin: origin)
  }

  /// How the weights of a checkpoint are, or were in training, quantized.
  private static func quantization(
    _ tensors: WeightFile, _ recipe: Recipe, _ layout: ExportLayout, _ path: String
  ) throws -> StoredQuantization {
    try recipe.checkCodes(of: path)
    guard
      let stored = tensors.quantization
        ?? recipe.linear[.q2].map({ StoredQuantization($0, axis: .rows) })
    else {
      let isOff = recipe.method.linearRecipe[.q2] != nil
      throw ExportError.noCodes(
        path, method: recipe.method.rawValue + (isOff ? " with quantizers.q2 off at the end" : ""))
    }
    guard layout.formats.contains(stored.recipe.format) else {
      throw ExportError.format(
        path, found: stored.recipe.format.rawValue, layout: layout.rawValue)
    }
    guard stored.axis == .rows else { throw ExportError.axis(path) }
    return stored
  }

  /// What a file says of the model and of where it comes from: what the checkpoint said, so that it can be used as that.
  private static func origin(
    _ stored: StoredQuantization, _ recipe: Recipe, _ file: WeightFile
  ) -> [String: String] {
    // Shapes go without saying where all groups are whole. Outer scales come under the names that tensors get.
    var stored = stored
    (stored.shapes, stored.outerScales) = ([:], [:])
    var origin = file.metadata.merging(stored.metadata) { $1 }
    origin["seed"] = "\(recipe.seed)"
    origin["tau"] =
      stored.recipe.format.outerScale == .none
      ? "\(stored.recipe.scaleRule.largestRatio(stored.recipe.format.elements))" : nil
    // The hash that the file carries has been verified.
    origin["source_sha256"] = file.checksum ?? origin["source_sha256"]
    origin[SafetensorsFile.checksumKey] = nil
    origin["method"] = recipe.method.rawValue
    return origin
  }
}

extension ImagePreparation {
  /// What evaluation does to an image.
  init(_ preprocessing: Preprocessing) {
    self.init(
      shorterSide: ImageContent.target(
        size: preprocessing.imageSize, cropRatio: preprocessing.cropRatio),
      side: preprocessing.imageSize, mean: preprocessing.mean,
      standardDeviation: preprocessing.standardDeviation)
  }
}
