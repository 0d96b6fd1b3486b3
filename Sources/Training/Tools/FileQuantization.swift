import Exchange
import Files
import MXCompute
import MXFormats
import MXRuntime

/// Quantizes the matrices of a safetensors file.
///
/// What is not said, a checkpoint's recipe decides: the weights that its training quantized get the codes that they had
/// there, under Q-EMA by their moving averages. Of other files all matrices are quantized, as the paper's forward pass
/// would.
package struct FileQuantization: Sendable {
  /// The format of the elements; nil for the checkpoint's.
  package var format: BlockFormat?
  /// The rule that chooses scales; nil for the checkpoint's.
  package var scaleRule: ScaleRule?
  /// How elements are rounded; nil for the checkpoint's.
  package var rounding: Rounding?
  /// Along which axis the groups lie; nil for rows.
  package var axis: GroupAxis?
  /// Whether also those matrices of a checkpoint are quantized that its training kept in single precision: the head,
  /// Swin's merging and its tables of relative positions.
  package var quantizesAll: Bool
  /// Whether to write plain values, codes and scales instead of packed blocks.
  package var writesValues: Bool
  /// What stochastic rounding draws from.
  package var seed: UInt64

  /// A quantization of whole files.
  package init(
    format: BlockFormat? = nil, scaleRule: ScaleRule? = nil, rounding: Rounding? = nil,
    axis: GroupAxis? = nil, quantizesAll: Bool = false, writesValues: Bool = false,
    seed: UInt64 = 0
  ) {
    (self.format, self.scaleRule, self.rounding) = (format, scaleRule, rounding)
    (self.axis, self.quantizesAll) = (axis, quantizesAll)
    self.writesValues = writesValues
    self.seed = seed
  }

  /// What was done to a file.
  package struct Report: Sendable {
    /// Matrices that were quantized and the elements in them.
    package var matrices = 0, elements = 0
    /// Tensors that were copied as they are.
    package var copied = 0
    /// Matrices among them that the checkpoint's training keeps in single precision.
    package var keptMatrices = 0
    /// Matrices that the file had in 4 bits already.
    package var alreadyQuantized = 0
    /// Whether the file says which of its matrices training quantizes; all were taken where it does not.
    package var isCheckpoint = false
    /// Groups with a NaN or an infinity, whose scale is NaN.
    package var brokenGroups = 0
    /// How elements were rounded.
    package var rounding = Rounding.nearestEven
    /// Bytes of the matrices before and after.
    package var bytesBefore = 0, bytesAfter = 0
  }

  /// Writes `T_blocks` and `T_scales` (or `T.values`, `T.codes`, `T.scales`) for every tensor T that is quantized, and in NVFP4
  /// `T_outer_scale` (`T.outer_scale`). In packed files the other tensors are copied, so that the model stays whole.
  ///
  /// `blocks` is [lanes, groups, 16] and `scales` [lanes, groups], where a lane is a row, or a column where
  /// the groups lie along columns. Under `Rounding.ema`, T.ema holds the moving averages of T and is not
  /// quantized itself.
  ///
  /// - Throws: `SafetensorsError` (a tensor T.ema that is needed and missing among others), `QuantizationError`,
  ///   `FileError`, `OutputError`.
  package func run(_ input: String, output: OutputFile) throws -> Report {
    let file = try Checkpoint.open(input)
    let older = try WeightFile(file)
    var stored = try quantization(of: file, older.quantization)
    let trained = try Self.trainedNames(of: file, older.quantization)
    var report = Report()
    report.isCheckpoint = trained != nil
    report.alreadyQuantized = older.quantizedCount
    report.rounding = stored.recipe.rounding
    var tensors: [OutgoingTensor] = []
    for (index, entry) in file.entries.enumerated() {
      // The codes have the averages in them.
      if entry.name.hasSuffix(".ema") {
        let base = String(entry.name.dropLast(4))
        let isAverage = stored.recipe.rounding == .ema || trained?.contains(base) == true
        if isAverage, file[base] != nil { continue }
      }
      // A matrix without elements may claim any number of rows.
      let isMatrix = entry.type.isFloat && entry.shape.count == 2 && entry.count > 0
      let isChosen = quantizesAll || trained?.contains(entry.name) ?? true
      guard isMatrix, isChosen else {
        if !writesValues { tensors.append(.copy(entry, of: file)) }
        report.copied += writesValues ? 0 : 1
        report.keptMatrices += isMatrix ? 1 : 0
        continue
      }
      let matrix = try quantize(entry, stored, index: index, of: file)
      stored.shapes[entry.name] = entry.shape
      let result = outgoing(matrix, entry.name)
      tensors += result
      report.matrices += 1
      report.elements += entry.count
      report.brokenGroups += matrix.scales.count { $0 == matrix.format.scale.nan }
      report.bytesBefore += entry.bytes.count
      report.bytesAfter += (matrix.codes.count + 1) / 2 + matrix.scales.count
    }
    try checkNames(tensors, of: file)
    try writeSafetensors(
      output, tensors: tensors, metadata: file.metadata.merging(stored.metadata) { $1 },
      checksum: true)
    return report
  }

  /// The tensors that a checkpoint's training quantizes; nil where the file is none.
  private static func trainedNames(
    of file: SafetensorsFile, _ stored: StoredQuantization?
  ) throws -> Set<String>? {
    guard file.metadata["recipe"] != nil else { return nil }
    let table = try CheckpointFile.model(of: file, stored).model.parameters
    return Set(table.entries.filter(\.quantized).map(\.name))
  }

  /// What is asked for, and for the rest what made the 4-bit tensors that the file has already, or Q2 of the recipe that
  /// it carries.
  private func quantization(
    of file: SafetensorsFile, _ older: StoredQuantization?
  ) throws -> StoredQuantization {
    let trained = try Checkpoint.recipe(of: file)
    try trained?.checkCodes(of: file.path)
    var recipe = older?.recipe ?? trained?.linear[.q2] ?? QuantizerRecipe()
    // What chooses scales besides the rule belongs to the format that it was trained in.
    if let format, format != recipe.format {
      (recipe.isSquare, recipe.triesFour) = (false, false)
    }
    recipe.format = format ?? recipe.format
    recipe.scaleRule = scaleRule ?? recipe.scaleRule
    recipe.rounding = rounding ?? recipe.rounding
    guard BlockFormat.inFiles.contains(recipe.format) else {
      throw QuantizationError.untold(file.path, format: recipe.format.rawValue)
    }
    guard recipe.format.scaleRules.contains(recipe.scaleRule) else {
      throw QuantizationError.rule(
        file.path, format: recipe.format.rawValue, rule: recipe.scaleRule.rawValue,
        known: recipe.format.scaleRules.map(\.rawValue))
    }
    var stored = StoredQuantization(recipe, axis: axis ?? older?.axis ?? .rows)
    if let older {
      (stored.shapes, stored.outerScales) = (older.shapes, older.outerScales)
      guard stored == older else { throw QuantizationError.otherwise(file.path, older) }
    }
    return stored
  }

  private func quantize(
    _ entry: TensorEntry, _ stored: StoredQuantization, index: Int, of file: SafetensorsFile
  ) throws -> QuantizedMatrix {
    var stored = stored
    // A checkpoint has averages of what its layers quantize, and not of the head, say.
    if stored.recipe.rounding == .ema, rounding == nil, file["\(entry.name).ema"] == nil {
      stored.recipe.rounding = .nearestEven
    }
    let averages =
      stored.recipe.rounding == .ema
      ? try file.floats("\(entry.name).ema", shape: entry.shape) : nil
    // Each tensor of a file has a stream of its own.
    return stored.quantized(
      try file.floats(entry.name), shape: entry.shape, averages: averages,
      RandomStream(seed: seed, purpose: .q2, layer: index))
  }

  private func outgoing(_ matrix: QuantizedMatrix, _ name: String) -> [OutgoingTensor] {
    let shape = [matrix.rows, matrix.columns]
    if writesValues {
      let scales = matrix.format.scaleShape(
        rows: matrix.rows, columns: matrix.columns, along: matrix.axis)
      var tensors: [OutgoingTensor] = [
        .floats("\(name).values", shape: shape, matrix.values),
        .bytes("\(name).codes", shape: shape, matrix.codes),
        .bytes("\(name).scales", shape: [scales.rows, scales.columns], matrix.scales),
      ]
      if matrix.format.outerScale != .none {
        tensors.append(.floats("\(name).outer_scale", shape: [1], [matrix.outerScale]))
      }
      return tensors
    }
    return PackedStyle.pairs.tensors(name, PackedMatrix(packing: matrix))
  }

  private func checkNames(_ tensors: [OutgoingTensor], of file: SafetensorsFile) throws {
    var names: Set<String> = []
    for tensor in tensors where !names.insert(tensor.name).inserted {
      throw QuantizationError.nameTaken(file.path, tensor: tensor.name)
    }
  }
}
