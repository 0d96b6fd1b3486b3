import Exchange
import Files
import MXCompute
import MXFormats

/// A file of weights, whole numbers or 4-bit ones: where it has codes and scales for a tensor, as `quantize` and `export`
/// write them, that is read as the values that its codes stand for.
struct WeightFile: TensorFile {
  /// How its 4-bit tensors are quantized; nil where it has none.
  let quantization: StoredQuantization?

  private let file: any TensorFile
  /// The 4-bit tensors.
  private let packed: [String: PackedTensor]

  /// The names, those of 4-bit tensors without their endings.
  let tensorNames: [String]

  /// Opens a file of safetensors or GGUF, or the weights in a folder (`WeightFolder`), whose bytes are those that were
  /// written.
  ///
  /// - Throws: `FileError`, `SafetensorsError` (also where codes and scales do not go together), `GGUFError`,
  ///   `WeightFileError`.
  init(path: String) throws {
    let path = try WeightFolder.file(of: path)
    guard try GGUFReader.isGGUF(path) else {
      let file = try SafetensorsFile(path: path)
      try file.verifyChecksum()
      try self.init(file)
      return
    }
    let file = try GGUFReader(path: path)
    try file.verifyChecksum()
    try self.init(file)
  }

  /// A view of a safetensors file.
  ///
  /// - Throws: `SafetensorsError` where codes and scales do not go together.
  init(_ file: SafetensorsFile) throws {
    let stored = try StoredQuantization(file)
    let isNVFP4 = file.entries.contains { $0.name.hasSuffix(".weight_global_scale") }
    let assumed = stored ?? (isNVFP4 ? Self.assumedNVFP4 : Self.assumed)
    var packed: [String: PackedTensor] = [:]
    for entry in file.entries {
      guard let style = PackedStyle.of(entry, in: file), stored != nil || style != .pairs else {
        continue
      }
      let name = style.tensor(ofCodes: entry.name)
      packed[name] = try PackedTensor(name, style, entry, assumed, in: file)
    }
    self.init(file, packed, assumed)
  }

  /// A view of a GGUF file.
  ///
  /// - Throws: `SafetensorsError` where its notes speak of another format.
  private init(_ file: GGUFReader) throws {
    let stored = try StoredQuantization(file) ?? Self.assumed
    guard stored.recipe.format == .mxfp4, stored.axis == .rows else {
      throw file.error(
        .metadata(
          key: "element_format", found: "\(stored.recipe.format.rawValue), \(stored.axis.rawValue)",
          expected: "e2m1 along rows, which is what MXFP4 is in GGUF"))
    }
    var packed: [String: PackedTensor] = [:]
    for entry in file.entries where entry.type == .mxfp4 {
      packed[entry.name] = PackedTensor(entry, in: file)
    }
    self.init(file, packed, stored)
  }

  private init(
    _ file: any TensorFile, _ packed: [String: PackedTensor], _ stored: StoredQuantization
  ) {
    (self.file, self.packed) = (file, packed)
    quantization = packed.isEmpty ? nil : stored
    let names = Dictionary(uniqueKeysWithValues: packed.map { ($1.codes, $0) })
    let scales = Set(packed.values.flatMap(\.scales))
    tensorNames = file.tensorNames.compactMap { scales.contains($0) ? nil : names[$0] ?? $0 }
  }

  /// Files that others wrote do not say how; their values do not depend on it.
  private static let assumed = StoredQuantization(QuantizerRecipe(), axis: .rows)
  private static let assumedNVFP4 = StoredQuantization(
    QuantizerRecipe(format: .nvfp4, scaleRule: .even), axis: .rows)

  /// How many tensors are 4-bit ones.
  var quantizedCount: Int { packed.count }

  var path: String { file.path }
  var metadata: [String: String] { file.metadata }
  var checksum: String? { file.checksum }

  func shape(of name: String) -> [Int]? { packed[name]?.shape ?? file.shape(of: name) }

  func floats(_ name: String, shape: [Int]?) throws -> [Float] {
    guard let quantization, let found = packed[name]?.shape, let codes = try codes(name) else {
      return try file.floats(name, shape: shape)
    }
    if let shape, shape != found {
      throw file.error(.shape(tensor: name, found: found, expected: shape))
    }
    // ggml's tensors may have more extents than a matrix, or fewer.
    let columns = found[found.count - 1]
    return codes.unpacked(
      axis: quantization.axis, rows: found.dropLast().reduce(1, *), columns: columns
    ).values
  }

  func floats(_ name: String, elements: Range<Int>) throws -> [Float] {
    packed[name] == nil
      ? try file.floats(name, elements: elements) : Array(try floats(name, shape: nil)[elements])
  }

  /// The codes of a 4-bit tensor; nil for another one.
  func codes(_ name: String) throws -> PackedMatrix? {
    guard let quantization, let tensor = packed[name] else { return nil }
    return try tensor.matrix(quantization)
  }

  func error(_ fault: SafetensorsError.Fault) -> SafetensorsError { file.error(fault) }
}
