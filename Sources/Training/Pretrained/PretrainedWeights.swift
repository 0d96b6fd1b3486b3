import Foundation
import Runtime
import VisionModels

/// What was taken from a file of pretrained weights.
public struct PretrainedReport: Sendable, Equatable {
  /// A parameter whose values had another shape.
  public struct Reshaped: Sendable, Equatable {
    /// The parameter.
    public let name: String
    /// The file's shape, and the model's.
    public let from, to: [Int]
  }

  /// The file.
  public let path: String
  /// Parameters that were taken as they are.
  public var loaded = 0
  /// Parameters that were interpolated to the model's resolution.
  public var reshaped: [Reshaped] = []
  /// Parameters that keep their initial values: the file does not have them, or for other classes.
  public var initial: [String] = []
  /// Parameters that keep their initial values because the file has them in a shape that cannot be brought to theirs.
  public var misfits: [Reshaped] = []
  /// Tensors of the file that the model has no place for.
  public var unused: [String] = []

  /// A line each on what was done.
  public var lines: [String] {
    func list(_ names: [String]) -> String {
      names.prefix(6).joined(separator: ", ")
        + (names.count > 6 ? " and \(names.count - 6) more" : "")
    }
    var lines = ["\(path): \(loaded) tensors loaded, \(reshaped.count) reshaped"]
    lines += reshaped.map { "reshaped: \($0.name) from \($0.from) to \($0.to)" }
    if !initial.isEmpty { lines.append("initial values: \(list(initial))") }
    lines += misfits.map {
      "initial values, the file's shape \($0.from) is not \($0.to): \($0.name)"
    }
    if !unused.isEmpty { lines.append("not used: \(list(unused))") }
    return lines
  }
}

extension VisionModel {
  /// Fills weights from a file of timm's or of Hugging Face's transformers, in safetensors, as far as it fits.
  ///
  /// Position embeddings and relative position tables are brought to the model's resolution, a distillation token is left
  /// out, and a head for other classes is not taken.
  ///
  /// - Throws: `PretrainedError`, `SafetensorsError`, `FileError`.
  public func loadPretrained(
    _ path: String, into weights: AlignedBuffer<Float>
  ) throws -> PretrainedReport {
    let suffix = (path as NSString).pathExtension.lowercased()
    if ["pth", "pt", "bin", "ckpt", "npz"].contains(suffix) { throw PretrainedError.pickle(path) }
    let file = try Checkpoint.open(path)
    guard let names = PretrainedNames(file, architecture: configuration.architecture) else {
      throw PretrainedError.nothingFits(
        path: file.path, architecture: configuration.architecture.rawValue)
    }
    var report = PretrainedReport(path: file.path)
    var used: Set<String> = []
    for entry in parameters.entries {
      guard let source = names.source(of: entry.name) else {
        report.initial.append(entry.name)
        continue
      }
      used.formUnion(source.names)
      let (values, shape) = try values(of: source, in: file)
      let fitted =
        shape == entry.shape ? values : adapted(values, shape, to: entry)
      if let fitted {
        (weights.base + entry.offset).update(from: fitted, count: entry.count)
        if shape == entry.shape {
          report.loaded += 1
        } else {
          report.reshaped.append(.init(name: entry.name, from: shape, to: entry.shape))
        }
      } else if entry.name.hasPrefix("head.") {
        report.initial.append(entry.name)
      } else {
        report.misfits.append(.init(name: entry.name, from: shape, to: entry.shape))
      }
    }
    let known = [".ema", "relative_position_index", "attn_mask"]
    report.unused = file.entries.map(\.name)
      .filter { name in !used.contains(name) && !known.contains(where: name.hasSuffix) }
    let taken = Set(report.initial + report.misfits.map(\.name))
    guard parameters.entries.contains(where: { $0.quantized && !taken.contains($0.name) }) else {
      throw PretrainedError.nothingFits(
        path: file.path, architecture: configuration.architecture.rawValue)
    }
    return report
  }

  private func values(
    of source: PretrainedSource, in file: SafetensorsFile
  ) throws -> ([Float], [Int]) {
    let entries = try source.names.map { try file.entry($0) }
    var shape = entries[0].shape
    if entries.count > 1, !shape.isEmpty { shape[0] = entries.reduce(0) { $0 + $1.shape[0] } }
    return (try source.names.flatMap { try file.floats($0) }, shape)
  }

  /// Values at the model's resolution; nil where they are of another width, number of heads, or kind.
  private func adapted(
    _ values: [Float], _ shape: [Int], to entry: ParameterTable.Entry
  ) -> [Float]? {
    func side(_ count: Int) -> Int? {
      let side = Int(Double(count).squareRoot().rounded())
      return side * side == count ? side : nil
    }
    if entry.name == "pos_embed" {
      let width = configuration.width
      guard shape.count == 3, shape[0] == 1, shape[2] == width else { return nil }
      // A class token, perhaps a distillation token, and the grid.
      for extra in [1, 2] {
        guard let old = side(shape[1] - extra), let new = side(configuration.patches) else {
          continue
        }
        return Array(values[..<width])
          + resampledGrid(
            Array(values[(extra * width)...]), side: old, newSide: new, channels: width)
      }
      return nil
    }
    if entry.name.hasSuffix("relative_position_bias_table") {
      guard shape.count == 2, shape[1] == entry.shape[1], let old = side(shape[0]),
        let new = side(entry.shape[0])
      else { return nil }
      return resampledGrid(values, side: old, newSide: new, channels: shape[1])
    }
    return nil
  }
}

/// A file of pretrained weights that cannot be used.
public enum PretrainedError: ReportableError, Equatable {
  /// A format of Python's own.
  case pickle(String)
  /// No block of the model finds its weights.
  case nothingFits(path: String, architecture: String)

  /// Bad data.
  public var category: ErrorCategory { .badData }

  /// One line.
  public var description: String {
    switch self {
    case .pickle(let path):
      "\(path) is not safetensors; convert it in Python: from safetensors.torch import save_file; import torch; "
        + "save_file(torch.load('\(path)', weights_only=True), 'weights.safetensors') (take ['model'] of it where "
        + "the weights lie there)"
    case .nothingFits(let path, let architecture):
      "\(path): no block of this '\(architecture)' model finds its weights there; is model.preset, model.width or "
        + "model.architecture another one?"
    }
  }
}
