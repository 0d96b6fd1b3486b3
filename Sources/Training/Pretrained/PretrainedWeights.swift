import Files
import Foundation
import MXRuntime
import VisionModels

extension VisionModel {
  /// Fills weights from a file of timm's or of Hugging Face's transformers, in safetensors, as far as it fits; from one of
  /// `quantize` too.
  ///
  /// Position embeddings and relative position tables are brought to the model's resolution, LayerScale is multiplied into
  /// the weights before it, a distillation token is left out, and a head for other classes is not taken. Whatever would
  /// make the weights compute something else stops the load.
  ///
  /// - Throws: `PretrainedError`, `SafetensorsError` (also for weights that are not finite), `FileError`.
  package func loadPretrained(
    _ path: String, into weights: AlignedBuffer<Float>
  ) throws -> PretrainedReport {
    let file = try openPretrained(path)
    let architecture = configuration.architecture
    let nothingFits = PretrainedError.nothingFits(
      path: file.path, architecture: architecture.rawValue)
    guard let names = PretrainedNames(file, architecture) else { throw nothingFits }
    let scales = parameters.entries.contains { $0.part.role == .scales }
    var report = PretrainedReport(path: file.path)
    var used: Set<String> = []
    for entry in parameters.entries {
      // A training chooses its own channels.
      let isChosen = entry.part.role == .channels
      guard !isChosen, let source = names.source(of: entry.name) else {
        report.initial.append(entry.name)
        continue
      }
      used.formUnion(source.names)
      var (values, shape) = try values(of: source, in: file)
      if !scales, let scale = names.layerScale(of: entry.name), shape == entry.shape {
        used.insert(scale)
        multiplyRows(of: &values, by: try file.finiteFloats(scale, shape: [shape[0]]))
        report.foldedScales += entry.quantized ? 1 : 0
      }
      let fitted = shape == entry.shape ? values : adapted(values, shape, to: entry, &report)
      if let fitted {
        _ = weights.elements[entry.range].update(fromContentsOf: fitted)
        if shape == entry.shape {
          report.loaded += 1
        } else {
          report.reshaped.append(.init(entry, from: shape))
        }
      } else if entry.part.role == .head {
        report.initial.append(entry.name)
      } else {
        report.misfits.append(.init(entry, from: shape))
      }
    }
    report.unused = file.tensorNames.filter {
      !used.contains($0) && !OtherFunctions.isDerived($0)
    }
    let taken = Set(report.initial + report.misfits.map(\.name))
    guard parameters.entries.contains(where: { $0.quantized && !taken.contains($0.name) }) else {
      throw nothingFits
    }
    try OtherFunctions(file: file, names: names, shape: configuration)
      .check(used: used, unused: report.unused)
    try checkWhole(report, names, file)
    return report
  }

  /// Refuses blocks that the file has in part only, and shapes that cannot be brought to the model's. (A patch embedding
  /// for patches of another size begins anew: who asks for other patches knows it.)
  private func checkWhole(
    _ report: PretrainedReport, _ names: PretrainedNames, _ file: WeightFile
  ) throws {
    let missing = Set(report.initial)
    let partial = Set(
      parameters.entries.filter { !missing.contains($0.name) }.compactMap(\.part.block))
    for entry in parameters.entries where missing.contains(entry.name) {
      // A bias of zeros and a norm as it begins are as good as none.
      let matters = entry.initial != .constant(0) && entry.initial != .constant(1)
      if matters, let block = entry.part.block, partial.contains(block) {
        throw file.error(
          .missing(
            tensor: entry.name, nearest: nearestName(to: entry.name, among: file.tensorNames)))
      }
    }
    for misfit in report.misfits {
      var advice = "set model.* as in the file, or leave them out: the shape is then the file's"
      if misfit.role == .patches, misfit.from.count == 4, misfit.to.count == 4 {
        let channels = misfit.from[1]
        if misfit.from[0] == misfit.to[0], channels == misfit.to[1] { continue }
        if channels != misfit.to[1] {
          advice =
            "it takes \(channels) colour channel\(channels == 1 ? "" : "s"): "
            + (channels == 1
              ? "set model.channels=1, data.mean=[0.449] and data.standard_deviation=[0.226]"
              : channels == 3
                ? "set model.channels=3, with three numbers each in data.mean and "
                  + "data.standard_deviation" : "images here have 1 or 3")
        }
      }
      throw PretrainedError.misfit(
        path: report.path, tensor: misfit.name, from: misfit.from, to: misfit.to, advice: advice)
    }
  }

  private func values(
    of source: PretrainedSource, in file: WeightFile
  ) throws -> ([Float], [Int]) {
    let shapes = try source.names.map { try file.neededShape(of: $0) }
    var shape = shapes[0]
    if shapes.count > 1, !shape.isEmpty {
      // Three matrices of other widths are none together.
      guard shapes.allSatisfy({ $0.dropFirst() == shape.dropFirst() && !$0.isEmpty }) else {
        throw file.error(
          .shape(tensor: source.names[1], found: shapes[1], expected: shapes[0]))
      }
      shape[0] = shapes.reduce(0) { $0 &+ $1[0] }
    }
    return (try source.names.flatMap { try file.finiteFloats($0) }, shape)
  }

  /// γ ⊙ (W·a + b) is (diag(γ)·W)·a + γ ⊙ b: row i of the weights, and element i of the bias, times γ_i.
  private func multiplyRows(of values: inout [Float], by scale: [Float]) {
    let columns = values.count / max(scale.count, 1)
    for (row, factor) in scale.enumerated() {
      for index in row * columns..<(row + 1) * columns { values[index] *= factor }
    }
  }

  /// Values at the model's resolution; nil where they are of another width, number of heads, or kind.
  private func adapted(
    _ values: [Float], _ shape: [Int], to entry: ParameterTable.Entry,
    _ report: inout PretrainedReport
  ) -> [Float]? {
    switch entry.part.role {
    case .positions:
      let (width, patches) = (configuration.width, configuration.patches)
      guard shape.count == 3, shape[0] == 1, shape[2] == width,
        let grid = PositionGrid(tokens: shape[1]), let new = squareSide(patches)
      else { return nil }
      let places = resampledGrid(
        Array(values[(grid.extra * width)...]), side: grid.side, newSide: new, channels: width)
      guard configuration.placesClassToken else { return places }
      report.isClassTokenUnplaced = grid.extra == 0
      let first = grid.extra == 0 ? [Float](repeating: 0, count: width) : Array(values[..<width])
      return first + places
    case .offsets:
      guard shape.count == 2, shape[1] == entry.shape[1], let old = squareSide(shape[0]),
        let new = squareSide(entry.shape[0])
      else { return nil }
      return resampledGrid(values, side: old, newSide: new, channels: shape[1])
    default: return nil
    }
  }
}

/// Opens a file of pretrained weights, or a folder with one.
///
/// - Throws: `PretrainedError`, `SafetensorsError`, `FileError`.
func openPretrained(_ path: String) throws -> WeightFile {
  if WeightFileError.isPickle(path) { throw WeightFileError.pickle(path) }
  return try WeightFile(path: path)
}
