import Exchange
import Files
import MXCompute
import MXFormats

/// A file of weights, whole numbers or 4-bit ones: where it has codes and scales for a tensor, as `quantize` and `export`
/// write them, that is read as the values that its codes stand for.
struct WeightFile: TensorSource {
  /// The file.
  let file: SafetensorsFile
  /// How its 4-bit tensors are quantized; nil where it has none.
  let quantization: StoredQuantization?
  /// The 4-bit tensors.
  private let packed: [String: PackedTensor]

  /// The names, those of 4-bit tensors without their endings.
  let tensorNames: [String]

  /// A view of a file.
  ///
  /// - Throws: `SafetensorsError` where codes and scales do not go together.
  init(_ file: SafetensorsFile) throws {
    self.file = file
    let stored = try StoredQuantization(file)
    // Files that others wrote do not say how; their values do not depend on it.
    let assumed = stored ?? StoredQuantization(QuantizerRecipe(), axis: .rows)
    var packed: [String: PackedTensor] = [:]
    for entry in file.entries {
      guard let style = PackedStyle.of(entry, in: file), stored != nil || style != .pairs else {
        continue
      }
      let name = style.tensor(ofCodes: entry.name)
      packed[name] = try PackedTensor(name, style, entry, assumed, in: file)
    }
    self.packed = packed
    quantization = packed.isEmpty ? nil : assumed
    let names = Dictionary(uniqueKeysWithValues: packed.map { ($1.codes, $0) })
    let scales = Set(packed.values.map(\.scales))
    tensorNames = file.entries.compactMap {
      scales.contains($0.name) ? nil : names[$0.name] ?? $0.name
    }
  }

  /// How many tensors are 4-bit ones.
  var quantizedCount: Int { packed.count }

  func shape(of name: String) -> [Int]? { packed[name]?.shape ?? file[name]?.shape }

  func floats(_ name: String, shape: [Int]?) throws -> [Float] {
    guard let quantization, let found = packed[name]?.shape, let codes = try codes(name) else {
      return try file.floats(name, shape: shape)
    }
    if let shape, shape != found {
      throw file.error(.shape(tensor: name, found: found, expected: shape))
    }
    return codes.unpacked(axis: quantization.axis, rows: found[0], columns: found[1]).values
  }

  /// The codes of a 4-bit tensor; nil for another one.
  func codes(_ name: String) throws -> PackedMatrix? {
    guard let quantization, let tensor = packed[name] else { return nil }
    return PackedMatrix(
      format: quantization.recipe.format,
      lanes: tensor.shape[quantization.axis == .rows ? 0 : 1],
      blocks: try file.bytes(tensor.codes), scales: try file.bytes(tensor.scales))
  }

  func error(_ fault: SafetensorsError.Fault) -> SafetensorsError { file.error(fault) }
}
