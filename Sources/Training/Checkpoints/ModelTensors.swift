import Files
import MXFormats
import MXRuntime
import VisionModels

/// The tensors of a model's file under our names, whatever names the file has: those of `export`'s layouts for
/// transformers too, where queries, keys and values lie apart.
struct ModelTensors: TensorSource {
  private let file: WeightFile
  /// Where our tensors lie; empty where the file has our names.
  private let places: [String: PretrainedSource]
  let tensorNames: [String]

  init(_ file: WeightFile, of model: VisionModel) {
    self.file = file
    guard file.shape(of: "patch_embed.proj.weight") == nil,
      let names = PretrainedNames(file, model.configuration.architecture)
    else {
      (places, tensorNames) = ([:], file.tensorNames)
      return
    }
    var places: [String: PretrainedSource] = [:]
    for entry in model.parameters.entries { places[entry.name] = names.source(of: entry.name) }
    self.places = places
    let used = Set(places.values.flatMap(\.names))
    // What is none of the model's keeps its name, and is found out.
    tensorNames = places.keys + file.tensorNames.filter { !used.contains($0) }
  }

  /// The tensors of the file that one of ours lies in.
  private func names(_ name: String) -> [String] { places[name]?.names ?? [name] }

  func shape(of name: String) -> [Int]? {
    let shapes = names(name).compactMap(file.shape(of:))
    guard var shape = shapes.first else { return nil }
    if shapes.count > 1 {
      guard !shape.isEmpty, shapes.allSatisfy({ $0.dropFirst() == shape.dropFirst() }) else {
        return nil
      }
      shape[0] = shapes.reduce(0) { $0 &+ ($1.first ?? 0) }
    }
    return shape
  }

  func floats(_ name: String, shape: [Int]?) throws -> [Float] {
    if let shape, let found = self.shape(of: name), found != shape {
      throw error(.shape(tensor: name, found: found, expected: shape))
    }
    return try names(name).flatMap { try file.floats($0, shape: nil) }
  }

  /// The codes of a 4-bit tensor; nil for another one.
  func codes(_ name: String) throws -> PackedMatrix? {
    let parts = try names(name).compactMap(file.codes)
    return parts.count == names(name).count ? PackedMatrix(below: parts) : nil
  }

  func error(_ fault: SafetensorsError.Fault) -> SafetensorsError { file.error(fault) }
}
