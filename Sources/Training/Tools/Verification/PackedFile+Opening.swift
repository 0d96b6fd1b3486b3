import Exchange
import Files
import Foundation
import MXFormats

extension PackedFile {
  /// Opens a file, or a folder: the weights of a run or of an export, else all its safetensors files together, else its
  /// only GGUF or ONNX file.
  ///
  /// - Throws: `FileError`, `SafetensorsError`, `GGUFError`, `ONNXError`, `WeightFileError`,
  ///   `VerificationError`.
  static func open(_ path: String) throws -> PackedFile {
    let files = try files(of: path)
    guard files.count == 1 else { return try PackedFile(path, safetensors: files) }
    if try GGUFReader.isGGUF(files[0]) { return try PackedFile(gguf: files[0]) }
    do {
      return try PackedFile(files[0], safetensors: files)
    } catch let error as SafetensorsError
      where error.fault == .foreign(.onnx) || files[0].hasSuffix(".onnx")
    {
      return try PackedFile(onnx: files[0])
    }
  }

  private static func files(of path: String) throws -> [String] {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue
    else { return [path] }
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    func named(_ ending: String) -> [String] { names.filter { $0.hasSuffix(ending) } }
    if !names.contains(RunDirectory.lastName), !names.contains("model.safetensors") {
      let shards = named(".safetensors")
      if !shards.isEmpty { return shards.map { "\(path)/\($0)" } }
      let singles = named(".gguf") + named(".onnx")
      if singles.count == 1 { return ["\(path)/\(singles[0])"] }
      if singles.count > 1 { throw VerificationError.severalFiles(path, singles) }
    }
    return [try WeightFolder.file(of: path)]
  }
}

// MARK: GGUF

extension PackedFile {
  private init(gguf path: String) throws {
    let file = try GGUFReader(path: path)
    var tensors: [PackedListing] = []
    var others: [String: [Int]] = [:]
    for entry in file.entries {
      guard entry.type == .mxfp4 else {
        others[entry.name] = entry.shape
        continue
      }
      let lanes = entry.shape.dropLast().reduce(1, *)
      tensors.append(
        PackedListing(
          name: entry.name, shape: entry.shape, layout: .gguf, format: .mxfp4, axis: .rows,
          lanes: lanes,
          groups: entry.shape[entry.shape.count - 1] / BlockFormat.mxfp4.groupSize
        ) { lanes in
          guard let matrix = try file.codes(entry.name, lanes: lanes) else {
            preconditionFailure("\(entry.name) is not in MXFP4")
          }
          return matrix
        })
    }
    self.init(
      path: path, files: [path], metadata: file.metadata, stored: try StoredQuantization(file),
      tensors: tensors, faults: [], others: others,
      numbers: { try file.floats($0, elements: $1) }, verifyChecksums: file.verifyChecksum)
  }
}

// MARK: ONNX

extension PackedFile {
  private init(onnx path: String) throws {
    let file = try ONNXReader(path: path)
    let tensors = file.weights.map { weight in
      PackedListing(
        name: weight.name, shape: weight.shape, layout: .onnx, format: .mxfp4, axis: .rows,
        lanes: weight.lanes, groups: weight.groups
      ) { try file.codes(weight, lanes: $0) }
    }
    let stored = try StoredQuantization(metadata: file.metadata) { key, found, expected in
      SafetensorsError(path: path, fault: .metadata(key: key, found: found, expected: expected))
    }
    self.init(
      path: path, files: [path], metadata: file.metadata, stored: stored, tensors: tensors,
      faults: file.faults, others: file.others,
      numbers: { try file.floats($0, elements: $1) }, verifyChecksums: {})
  }
}

// MARK: Safetensors

extension PackedFile {
  /// Files whose tensors belong together: codes may lie in one, and their scales in another.
  private init(_ path: String, safetensors paths: [String]) throws {
    let files = try paths.map(SafetensorsFile.init(path:))
    var places: [String: (file: SafetensorsFile, entry: TensorEntry)] = [:]
    for file in files {
      for entry in file.entries {
        guard places.updateValue((file, entry), forKey: entry.name) == nil else {
          throw VerificationError.twice(file.path, tensor: entry.name)
        }
      }
    }
    var stored: StoredQuantization?
    for file in files where stored == nil { stored = try StoredQuantization(file) }
    let metadata = files[0].metadata
    let isQuantize = stored != nil && metadata["tau"] == nil
    var tensors: [PackedListing] = []
    var faults: [String] = []
    var packed: Set<String> = []
    for file in files {
      for entry in file.entries {
        guard let style = PackedStyle.claimed(by: entry, has: { places[$0] != nil }) else {
          continue
        }
        let name = style.tensor(ofCodes: entry.name)
        let pair = PackedPair(
          entry, file, style, scales: places[style.scales(of: name)],
          outerScale: places[style.outerScale(of: name)])
        packed.formUnion([entry.name, style.scales(of: name), style.outerScale(of: name)])
        do throws(PackedPair.Fault) {
          tensors.append(try pair.listing(stored, isQuantize: isQuantize))
        } catch {
          faults.append("'\(entry.name)' \(error.text)")
        }
      }
    }
    let others = places.filter { !packed.contains($0.key) }.mapValues { $0.entry.shape }
    self.init(
      path: path, files: paths, metadata: metadata, stored: stored, tensors: tensors,
      faults: faults, others: others,
      numbers: { name, elements in
        guard let place = places[name] else { preconditionFailure("no tensor \(name)") }
        return try place.file.floats(name, elements: elements)
      },
      verifyChecksums: { for file in files { try file.verifyChecksum() } })
  }
}

extension PackedStyle {
  /// The style whose codes a tensor has by its name and type, whatever becomes of its scales.
  fileprivate static func claimed(by entry: TensorEntry, has: (String) -> Bool) -> PackedStyle? {
    if entry.name.hasSuffix("_blocks"), entry.type == .u8,
      !has(String(entry.name.dropLast("_blocks".count)))
    {
      return .pairs
    }
    if entry.name.hasSuffix(".weight_packed") { return .compressedTensors }
    return entry.name.hasSuffix(".weight") && entry.type == .u32 ? .mlx : nil
  }
}

/// Codes and scales of safetensors files that should go together.
private struct PackedPair {
  private let entry: TensorEntry
  private let file: SafetensorsFile
  private let style: PackedStyle
  private let scales: Place?, outerScale: Place?

  typealias Place = (file: SafetensorsFile, entry: TensorEntry)
  struct Fault: Error { let text: String }

  init(
    _ entry: TensorEntry, _ file: SafetensorsFile, _ style: PackedStyle, scales: Place?,
    outerScale: Place?
  ) {
    (self.entry, self.file, self.style) = (entry, file, style)
    (self.scales, self.outerScale) = (scales, outerScale)
  }

  /// The format, as far as it shows: a file says it of pairs, and of compressed-tensors' the type of the scales.
  private func format(_ stored: StoredQuantization?) -> BlockFormat {
    if style == .pairs, let stored { return stored.recipe.format }
    return scales?.entry.type == .f8e4m3 ? .nvfp4 : .mxfp4
  }

  func listing(
    _ stored: StoredQuantization?, isQuantize: Bool
  ) throws(Fault) -> PackedListing {
    let name = style.tensor(ofCodes: entry.name)
    let format = format(stored), title = format == .nvfp4 ? "NVFP4" : "MXFP4"
    let axis = style == .pairs ? stored?.axis ?? .rows : .rows
    let size = PackedMatrix.blockSize(format)
    let wanted = style.codes(blockSize: size)
    guard let scales else {
      throw Fault(text: "has no scales: '\(style.scales(of: name))' is missing")
    }
    let rank = entry.shape.count - (style == .pairs ? 2 : 1)
    let last = entry.shape.last ?? 0
    let isSound =
      entry.type == wanted.type && rank > 0 && entry.count > 0
      && (style == .pairs ? last == wanted.extent : last.isMultiple(of: wanted.extent))
    guard isSound else {
      throw Fault(
        text:
          "is \(entry.type.rawValue) \(entry.shape); \(title) is \(wanted.text) there, in whole groups of "
          + "\(format.groupSize)")
    }
    let leading = Array(entry.shape.prefix(rank))
    let groups = style == .pairs ? entry.shape[rank] : last / wanted.extent
    guard [.u8, format.scale == .e4m3 ? .f8e4m3 : .e8m0].contains(scales.entry.type) else {
      throw Fault(
        text: "is not \(title): its scales are \(scales.entry.type.rawValue), not bytes of "
          + (format.scale == .e4m3 ? "E4M3" : "E8M0"))
    }
    guard scales.entry.shape == leading + [groups] else {
      throw Fault(
        text: "has blocks for the scales \(leading + [groups]), and '\(scales.entry.name)' is "
          + "\(scales.entry.shape)")
    }
    let lanes = leading.reduce(1, *)
    let (longest, overflow) = groups.multipliedReportingOverflow(by: format.groupSize)
    let full = axis == .rows ? leading + [longest] : [longest, lanes]
    let shape = style == .pairs ? stored?.shapes[name] ?? full : full
    let lane = axis == .rows ? shape.dropLast().reduce(1) { $0 &* $1 } : shape.last ?? 0
    let length = axis == .rows ? shape.last ?? 0 : shape.first ?? 0
    guard !overflow, shape.count == full.count, shape.allSatisfy({ $0 > 0 }), lane == lanes,
      length <= longest, length > longest - format.groupSize
    else { throw Fault(text: "has blocks of \(full), and the file says that it is \(shape)") }
    let (codes, bytes) = (entry.name, groups * size)
    let outer = format.outerScale == .none ? 1 : try outerScale(of: name, stored)
    return PackedListing(
      name: name, shape: shape, layout: layout(isQuantize), format: format, axis: axis,
      lanes: lanes, groups: groups, outerScale: outer
    ) { [file] range in
      PackedMatrix(
        format: format, lanes: range.count,
        blocks: try file.bytes(codes, range.lowerBound * bytes..<range.upperBound * bytes),
        scales: try scales.file.bytes(
          scales.entry.name, range.lowerBound * groups..<range.upperBound * groups),
        outerScale: outer)
    }
  }

  private func outerScale(
    of name: String, _ stored: StoredQuantization?
  ) throws(Fault) -> Float {
    guard let outerScale else {
      throw Fault(text: "has no outer scale: '\(style.outerScale(of: name))' is missing")
    }
    do {
      return try style.outerScale(
        of: name, exactly: stored?.outerScales[name], in: outerScale.file)
    } catch {
      throw Fault(text: "has no outer scale: \(error)")
    }
  }

  private func layout(_ isQuantize: Bool) -> FileLayout {
    switch style {
    case .pairs: isQuantize ? .quantize : .hf
    case .compressedTensors: .compressedTensors
    case .mlx: .mlx
    }
  }
}
