import Files
import MXFormats

/// A file of weights, whole numbers or 4-bit ones: where it has `T_blocks` and `T_scales`, as `quantize` writes them, a
/// tensor T is read as the values that its codes stand for.
struct WeightFile: TensorSource {
  /// The file.
  let file: SafetensorsFile
  /// How its 4-bit tensors are quantized; nil where it has none.
  let quantization: StoredQuantization?
  /// The 4-bit tensors and their extents.
  private let packed: [String: [Int]]

  /// The names, those of 4-bit tensors without their endings.
  let tensorNames: [String]

  /// A view of a file.
  ///
  /// - Throws: `SafetensorsError` where codes and scales do not go together.
  init(_ file: SafetensorsFile) throws {
    self.file = file
    let stored = try StoredQuantization(file)
    var packed: [String: [Int]] = [:]
    if let stored {
      for entry in file.entries where entry.name.hasSuffix(Self.codesEnding) {
        let name = String(entry.name.dropLast(Self.codesEnding.count))
        guard file[name] == nil, let scales = file[name + Self.scalesEnding] else { continue }
        packed[name] = try Self.shape(
          of: name, entry, scales, stored, in: file)
      }
    }
    self.packed = packed
    quantization = packed.isEmpty ? nil : stored
    tensorNames = file.entries.compactMap { entry in
      if entry.name.hasSuffix(Self.scalesEnding),
        packed[String(entry.name.dropLast(Self.scalesEnding.count))] != nil
      {
        return nil
      }
      let base = String(entry.name.dropLast(Self.codesEnding.count))
      return entry.name.hasSuffix(Self.codesEnding) && packed[base] != nil ? base : entry.name
    }
  }

  /// How the names of codes and of scales end.
  static let codesEnding = "_blocks"
  static let scalesEnding = "_scales"

  /// How many tensors are 4-bit ones.
  var quantizedCount: Int { packed.count }

  /// The extents of a 4-bit tensor, which its metadata know better than its blocks: their last group may be a short one.
  private static func shape(
    of name: String, _ blocks: TensorEntry, _ scales: TensorEntry,
    _ quantization: StoredQuantization, in file: SafetensorsFile
  ) throws -> [Int] {
    let format = quantization.recipe.format
    let blockSize = PackedMatrix.blockSize(format)
    guard blocks.type == .u8, blocks.shape.count == 3, blocks.shape[2] == blockSize else {
      throw file.error(
        .unsuitable(
          tensor: blocks.name, type: "\(blocks.type.rawValue) \(blocks.shape)",
          expected: "U8 [lanes, groups, \(blockSize)]"))
    }
    let (lanes, groups) = (blocks.shape[0], blocks.shape[1])
    guard scales.type == .u8, scales.shape == [lanes, groups] else {
      throw file.error(
        .shape(tensor: scales.name, found: scales.shape, expected: [lanes, groups]))
    }
    let (longest, overflow) = groups.multipliedReportingOverflow(by: format.groupSize)
    let isByRow = quantization.axis == .rows
    let full = isByRow ? [lanes, longest] : [longest, lanes]
    let shape = quantization.shapes[name] ?? full
    let lane = isByRow ? 0 : 1
    guard !overflow, blocks.count > 0, shape.count == 2, shape[lane] == lanes,
      (longest - format.groupSize + 1...longest).contains(shape[1 - lane])
    else { throw file.error(.shape(tensor: blocks.name, found: blocks.shape, expected: shape)) }
    return shape
  }

  func shape(of name: String) -> [Int]? { packed[name] ?? file[name]?.shape }

  func floats(_ name: String, shape: [Int]?) throws -> [Float] {
    guard let quantization, let found = packed[name] else {
      return try file.floats(name, shape: shape)
    }
    if let shape, shape != found {
      throw file.error(.shape(tensor: name, found: found, expected: shape))
    }
    return PackedMatrix(
      format: quantization.recipe.format, lanes: quantization.axis == .rows ? found[0] : found[1],
      blocks: try file.bytes(name + Self.codesEnding),
      scales: try file.bytes(name + Self.scalesEnding)
    ).unpacked(axis: quantization.axis, rows: found[0], columns: found[1]).values
  }

  func error(_ fault: SafetensorsError.Fault) -> SafetensorsError { file.error(fault) }
}
