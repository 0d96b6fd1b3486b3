import Exchange
import Files
import MXCompute
import MXFormats
import MXLinear
import MXRuntime
import VisionModels

/// A trained model as it is used: the weights that training quantized are the 4-bit codes that they had there, 4.25 bits each (4.5 of
/// NVFP4) and never expanded as a whole; what training kept in single precision stays so.
///
/// Under the simulated engine, which multiplies rounded numbers, weights are those numbers.
package final class DeployedModel {
  /// The recipe it was trained by; of a foreign file, the defaults around its shape.
  package let recipe: Recipe
  /// The classes' names by label; empty where the file does not say.
  package let classNames: [String]
  /// The model's description, with the quantizers that are in use.
  package let model: VisionModel
  /// What its linear layers read: "full", "mxfp4", or the name of another format.
  package let activations: String
  /// Bytes of weights: codes and scales, and what is in single precision.
  package let weightBytes: Int

  /// Where the images are that it was trained on, if anybody knows.
  let data: TrainingData
  let compute: any TrainingCompute
  /// The numbers of all weights that are not codes; the places of the others are never touched.
  let weights: AlignedBuffer<Float>
  /// The moving averages that weights round by while they are numbers; nil where none do.
  let averages: AlignedBuffer<Float>?
  /// The weights that are codes, by their names.
  let codes: [String: Encoded]
  /// Where those lie.
  private let memory: Arena
  /// Where images become predictions, one batch after another.
  let workspace = Workspace(chunkCount: 1 << 20)

  /// Opens a checkpoint or an export; a folder stands for the weights in it.
  ///
  /// - Parameters:
  ///   - activations: nil for what training saw.
  ///   - compute: what the model will run on.
  /// - Throws: as `Checkpoint`; `ActivationsError` for 4-bit activations by weights in single precision; `NonFiniteTensor`.
  package convenience init(
    path: String, activations: Activations? = nil, on compute: any TrainingCompute
  ) throws {
    let file = try CheckpointFile(path: path)
    let recipe = try file.recipe.deployed(
      activations, stored: file.weights.quantization, path: path)
    let isPacked = recipe.engine == .packed
    let (table, tensors) = (file.model.parameters, file.tensors)
    try table.check(tensors)
    // What the file has along rows are the operands of products.
    let hasRows = file.weights.quantization?.axis == .rows
    let averages = isPacked ? nil : try table.readAverages(from: tensors)
    try self.init(
      recipe, classNames: file.classNames, data: file.data, averages: averages, on: compute
    ) { entry in
      if isPacked, hasRows, entry.quantized, let codes = try tensors.codes(entry.name),
        !codes.scales.contains(codes.format.scale.nan)
      {
        return .codes(codes)
      }
      // A scale that is no number is one of the values, and found there.
      let values = try tensors.finiteFloats(entry.name, shape: entry.shape)
      let average = entry.name + ".ema"
      let hasAverages = isPacked && entry.quantized && tensors.shape(of: average) != nil
      return .numbers(
        values,
        averages: hasAverages ? try tensors.finiteFloats(average, shape: entry.shape) : nil)
    }
  }

  /// A weight as its source has it.
  enum Weight {
    case codes(PackedMatrix)
    case numbers([Float], averages: [Float]?)
  }

  /// A model whose weights come one after another.
  ///
  /// - Parameter weight: of each entry of the model's table.
  /// - Throws: `NonFiniteTensor` where a weight cannot be quantized, and what `weight` throws.
  init(
    _ recipe: Recipe, classNames: [String] = [], data: TrainingData,
    averages: AlignedBuffer<Float>? = nil, on compute: any TrainingCompute,
    weight: (ParameterTable.Entry) throws -> Weight
  ) throws {
    (self.recipe, self.classNames, self.data) = (recipe, classNames, data)
    (self.compute, self.averages) = (compute, averages)
    model = try VisionModel(recipe.model, recipe: recipe.linear, engine: recipe.engine)
    activations =
      switch recipe.linear[.q1]?.format {
      case nil: Activations.full.rawValue
      case .mxfp4?: Activations.mxfp4.rawValue
      case let format?: format.rawValue
      }
    // Layers with channels of two formats encode their weights themselves.
    let isWhole = recipe.engine == .packed && recipe.linear.outControl == nil
    let quantizer = isWhole ? recipe.linear.quantizer(of: .q2) : nil
    let context = StepContext(compute)
    weights = AlignedBuffer(uninitializedCount: model.parameters.count)
    let memory = Arena(chunkCount: 1 << 16)
    self.memory = memory
    var (codes, bytes, layer) = ([String: Encoded](), 0, 0)
    for entry in model.parameters.entries {
      defer { if entry.quantized { layer += 1 } }
      switch try weight(entry) {
      case .codes(let matrix):
        let view = memory.packed(
          rows: entry.shape[0], columns: entry.shape[1], axis: .rows, format: matrix.format)
        view.write(matrix)
        codes[entry.name] = Encoded(
          .codes(view), axis: .rows,
          outerScale: matrix.format.outerScale == .matrix ? matrix.outerScale : nil)
        bytes += view.byteCount
      case .numbers(let values, let averages):
        guard entry.quantized, let quantizer else {
          _ = weights.elements[entry.range].update(fromContentsOf: values)
          bytes += values.count * MemoryLayout<Float>.stride
          continue
        }
        let (buffer, own) = (AlignedBuffer(values), averages.map { AlignedBuffer($0) })
        let (operand, broken) = withExtendedLifetime((buffer, own)) {
          compute.encode(
            buffer.matrix(rows: entry.shape[0]),
            averages: own.map { $0.matrix(rows: entry.shape[0]) }, axis: .rows,
            .codes(quantizer), random: context.random(Operand.q2, layer: layer), arena: memory)
        }
        guard broken == 0, case .codes(let view) = operand.content else {
          throw NonFiniteTensor(tensor: entry.name)
        }
        codes[entry.name] = operand
        bytes += view.byteCount
      }
    }
    (self.codes, weightBytes) = (codes, bytes)
  }
}

extension Recipe {
  /// The recipe by which a model is deployed: its own, but for what is asked of the activations.
  ///
  /// - Parameter stored: how the file's weights are quantized, where they are codes.
  /// - Throws: `ActivationsError`.
  fileprivate func deployed(
    _ activations: Activations?, stored: StoredQuantization?, path: String
  ) throws -> Recipe {
    var recipe = self
    switch activations {
    case nil: break
    case .full: recipe.linear[.q1] = nil
    case .mxfp4:
      if recipe.linear[.q2] == nil {
        guard let stored, let weights = stored.keepingValues(stored.recipe, recipe.engine) else {
          throw ActivationsError(path: path)
        }
        recipe.linear[.q2] = weights
      }
      recipe.linear[.q1] = recipe.linear[.q1] ?? QuantizerRecipe()
    }
    return recipe
  }
}

/// 4-bit activations were asked of a model whose weights are not of 4 bits.
package struct ActivationsError: ReportableError {
  /// The model's file.
  let path: String

  /// Which file, and what to do.
  package var description: String {
    "\(path): its weights are in single precision, and '--activations mxfp4' is for 4-bit ones; "
      + "make them so first: tetrajet quantize"
  }

  /// What was asked cannot be done.
  package var category: ErrorCategory { .usage }
}
