import Files
import MXFormats

/// A model as one file of ggml's (GGUF, version 3): keys and values, a list of tensors, their bytes.
///
/// Everything is little-endian, and tensors begin at multiples of 32 bytes. MXFP4 is ggml's type 39 (`GGUFBlocks`). The
/// file carries the hash of its bytes, taken with zeros in place of the hash's own digits.
struct GGUFFile {
  private let model: ExportedModel
  private let rest: RestType

  init(_ model: ExportedModel, _ rest: RestType) { (self.model, self.rest) = (model, rest) }

  private static let alignment = 32

  /// Writes the file.
  func write(_ file: borrowing FileDescriptor) throws {
    var header = GGUFBytes()
    header.add(ascii: "GGUF")
    header.add(UInt32(3))
    let pairs = metadata
    header.add(UInt64(model.tensors.count))
    header.add(UInt64(pairs.count))
    for (key, value) in pairs { header.add(key, value) }
    var offset = 0
    for tensor in model.tensors {
      header.add(tensor.name)
      header.add(UInt32(tensor.shape.count))
      // ggml's first extent is the fastest.
      for extent in tensor.shape.reversed() { header.add(UInt64(extent)) }
      header.add(type(of: tensor))
      header.add(UInt64(offset))
      offset += padded(size(of: tensor))
    }
    header.pad(to: Self.alignment)
    var hash = SHA256()
    hash.update(header.bytes)
    for tensor in model.tensors { hash.update(paddedContent(of: tensor)) }
    header.replace(SafetensorsFile.checksumKey, Self.blankHash, by: hash.digits())
    try write(header.bytes, file)
    for tensor in model.tensors { try write(paddedContent(of: tensor), file) }
  }

  /// What stands for the hash while it is taken.
  private static let blankHash = String(repeating: "0", count: 64)

  private func paddedContent(of tensor: ExportedTensor) -> [UInt8] {
    var bytes = GGUFBytes(content(of: tensor))
    bytes.pad(to: Self.alignment)
    return bytes.bytes
  }

  private func write(_ bytes: [UInt8], _ file: borrowing FileDescriptor) throws {
    try bytes.withUnsafeBytes { try file.write($0) }
  }

  private func padded(_ size: Int) -> Int {
    (size + Self.alignment - 1) / Self.alignment * Self.alignment
  }

  /// ggml's number of a type of elements.
  private func type(of tensor: ExportedTensor) -> UInt32 {
    if tensor.codes != nil { GGMLType.mxfp4.number } else { rest == .f32 ? 0 : 30 }
  }

  private func size(of tensor: ExportedTensor) -> Int {
    switch tensor.content {
    case .codes(let codes): codes.scales.count * (1 + codes.blockSize)
    case .floats(let values): values.count * (rest == .f32 ? 4 : 2)
    }
  }

  private func content(of tensor: ExportedTensor) -> [UInt8] {
    switch tensor.content {
    case .codes(let codes): GGUFBlocks.bytes(codes)
    case .floats(let values):
      rest == .f32 ? values.withUnsafeBytes(Array.init) : bfloat16Bytes(values)
    }
  }

  private var metadata: [(key: String, value: GGUFBytes.Value)] {
    let shape = model.configuration
    let architecture = shape.architecture.rawValue
    var pairs: [(String, GGUFBytes.Value)] = [
      ("general.architecture", .string(architecture)),
      ("general.quantization_version", .integer(2)),
      // MOSTLY_MXFP4_MOE, the only file type with MXFP4.
      ("general.file_type", .integer(38)),
      ("general.alignment", .integer(UInt32(Self.alignment))),
      ("\(architecture).image_size", .integer(UInt32(shape.imageSize))),
      ("\(architecture).patch_size", .integer(UInt32(shape.patchSize))),
      ("\(architecture).num_channels", .integer(UInt32(shape.channels))),
      ("\(architecture).layer_norm_epsilon", .number(shape.normEpsilon)),
      ("\(architecture).preprocess.shorter_side", .integer(UInt32(model.images.shorterSide))),
      ("\(architecture).preprocess.mean", .numbers(model.images.mean)),
      (
        "\(architecture).preprocess.standard_deviation", .numbers(model.images.standardDeviation)
      ),
      ("\(architecture).class_names", .strings(model.labels)),
    ]
    // The rest of the shape under the names of checkpoints' metadata, and where the model comes from.
    let hash = [SafetensorsFile.checksumKey: Self.blankHash]
    let notes = shape.metadata.merging(model.origin) { $1 }.merging(hash) { $1 }
    for (note, value) in notes.sorted(by: { $0.key < $1.key }) {
      pairs.append((GGUFNotes.key(of: note), .string(value)))
    }
    return pairs
  }
}
