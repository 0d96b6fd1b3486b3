import MXFormats
import MXLinear
import Runtime

/// Quantizes the matrices of a safetensors file.
///
/// What is not said, a checkpoint's recipe decides: its weights get the codes that they had in training, under Q-EMA by
/// their moving averages. Other files are quantized as the paper's forward pass would.
public struct FileQuantization: Sendable {
  /// The format of the elements; nil for the checkpoint's.
  public var format: ElementFormat?
  /// The rule that chooses scales; nil for the checkpoint's.
  public var scaleRule: ScaleRule?
  /// How elements are rounded; nil for the checkpoint's.
  public var rounding: Rounding?
  /// Along which axis the groups lie.
  public var axis: GroupAxis
  /// Whether to write plain values, codes and scales instead of packed blocks.
  public var writesValues: Bool
  /// What stochastic rounding draws from.
  public var seed: UInt64

  /// A quantization of whole files.
  public init(
    format: ElementFormat? = nil, scaleRule: ScaleRule? = nil, rounding: Rounding? = nil,
    axis: GroupAxis = .rows, writesValues: Bool = false, seed: UInt64 = 0
  ) {
    (self.format, self.scaleRule, self.rounding) = (format, scaleRule, rounding)
    self.axis = axis
    self.writesValues = writesValues
    self.seed = seed
  }

  /// What was done to a file.
  public struct Report: Sendable {
    /// Matrices that were quantized and the elements in them.
    public var matrices = 0, elements = 0
    /// Tensors that were copied as they are, because they are not floating-point matrices.
    public var copied = 0
    /// Groups with a NaN or an infinity, whose scale is NaN.
    public var brokenGroups = 0
    /// How elements were rounded.
    public var rounding = Rounding.nearestEven
    /// Bytes of the matrices before and after.
    public var bytesBefore = 0, bytesAfter = 0
  }

  /// Writes `T_blocks` and `T_scales` (or `T.values`, `T.codes`, `T.scales`) for every 2-D
  /// floating-point tensor T. In packed files the other tensors are copied, so that the model stays whole.
  ///
  /// `blocks` is [lanes, groups, 16] and `scales` [lanes, groups], where a lane is a row, or a column where
  /// the groups lie along columns. Under `Rounding.ema`, T.ema holds the moving averages of T and is not
  /// quantized itself.
  ///
  /// - Throws: `SafetensorsError` (a tensor T.ema that is needed and missing among others), `FileError`.
  public func run(_ input: String, output: OutputFile) throws -> Report {
    let file = try Checkpoint.open(input)
    let quantizer = try quantizer(of: file)
    var report = Report()
    report.rounding = quantizer.rounding
    var tensors: [OutgoingTensor] = []
    for (index, entry) in file.entries.enumerated() {
      if quantizer.rounding == .ema, entry.name.hasSuffix(".ema"),
        file[String(entry.name.dropLast(4))] != nil
      {
        continue
      }
      // A matrix without elements may claim any number of rows.
      guard entry.type.isFloat, entry.shape.count == 2, entry.count > 0 else {
        if !writesValues { tensors.append(.copy(entry, of: file)) }
        report.copied += writesValues ? 0 : 1
        continue
      }
      let matrix = try quantize(entry, quantizer, index: index, of: file)
      tensors += outgoing(matrix, entry.name)
      report.matrices += 1
      report.elements += entry.count
      report.brokenGroups += matrix.scales.count { $0 == 255 }
      report.bytesBefore += entry.bytes.count
      report.bytesAfter += (matrix.codes.count + 1) / 2 + matrix.scales.count
    }
    try writeSafetensors(
      output, tensors: tensors,
      metadata: file.metadata.merging([
        "element_format": quantizer.format.rawValue, "scale_rule": quantizer.scaleRule.rawValue,
        "rounding": quantizer.rounding.rawValue, "group_axis": quantizer.axis.rawValue,
        "group_size": "\(GroupAxis.groupSize)",
      ]) { $1 })
    return report
  }

  /// What is asked for, and for the rest Q2 of the recipe that the file carries.
  private func quantizer(of file: SafetensorsFile) throws -> Quantizer {
    let trained = try Checkpoint.recipe(of: file)?.linear[.q2] ?? QuantizerRecipe()
    return Quantizer(
      format: format ?? trained.format, scaleRule: scaleRule ?? trained.scaleRule,
      rounding: rounding ?? trained.rounding, axis: axis)
  }

  private func quantize(
    _ entry: TensorEntry, _ quantizer: Quantizer, index: Int, of file: SafetensorsFile
  ) throws -> QuantizedMatrix {
    var quantizer = quantizer
    // A checkpoint has averages of what its layers quantize, and not of the head, say.
    if quantizer.rounding == .ema, rounding == nil, file["\(entry.name).ema"] == nil {
      quantizer.rounding = .nearestEven
    }
    let ema =
      quantizer.rounding == .ema ? try file.floats("\(entry.name).ema", shape: entry.shape) : nil
    // Each tensor of a file has a stream of its own.
    let stream = RandomStream(seed: seed, purpose: .q2, layer: index)
    return quantizer.quantize(
      try file.floats(entry.name), rows: entry.shape[0], columns: entry.shape[1], ema: ema,
      randomBits: { stream.roundingBits(row: $0, column: $1) })
  }

  private func outgoing(_ matrix: QuantizedMatrix, _ name: String) -> [OutgoingTensor] {
    let shape = [matrix.rows, matrix.columns]
    if writesValues {
      let scales = matrix.axis.scaleShape(rows: matrix.rows, columns: matrix.columns)
      return [
        .floats("\(name).values", shape: shape, matrix.values),
        .bytes("\(name).codes", shape: shape, matrix.codes),
        .bytes("\(name).scales", shape: [scales.rows, scales.columns], matrix.scales),
      ]
    }
    let packed = PackedMatrix(packing: matrix)
    return [
      .bytes(
        "\(name)_blocks", shape: [packed.lanes, packed.groups, PackedMatrix.blockSize],
        packed.blocks),
      .bytes("\(name)_scales", shape: [packed.lanes, packed.groups], packed.scales),
    ]
  }
}
