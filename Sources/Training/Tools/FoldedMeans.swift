import Exchange
import MXFormats
import MXLinear
import MXRuntime
import VisionModels

/// The tensors of a model without means of inputs: b' = b + Q2(W)·μ, and the layer in front subtracts μ. So a runtime that
/// knows no means quantizes what training quantized.
///
/// A layer norm's bias takes that of qkv and of fc1; that of the values takes proj's, because the shares of attention add up to
/// 1. What has no place in front is left out, which changes nothing where inputs are not quantized (`Obstacle`).
struct FoldedMeans {
  /// Why nothing in front of a layer can subtract its mean.
  enum Obstacle: String {
    /// In front of fc2.
    case gelu = "behind GELU"
    /// In front of qkv, where windows are filled up with zeros behind the norm.
    case padding = "from the padding of windows, too"
  }

  /// The tensors, in their order.
  private(set) var tensors: [ExportedTensor]
  private let places: [String: Int]

  /// - Parameters:
  ///   - means: their entries.
  ///   - weights: where their numbers lie.
  ///   - tensors: all of the model.
  ///   - model: its shape.
  init(
    _ means: [ParameterTable.Entry], of weights: AlignedBuffer<Float>, in tensors: [ExportedTensor],
    _ model: ModelConfiguration
  ) {
    let names = Set(means.map(\.name))
    self.tensors = tensors.filter { !names.contains($0.name) }
    places = Dictionary(
      uniqueKeysWithValues: self.tensors.enumerated().map { ($1.name, $0) })
    for entry in means where Self.obstacle(to: entry, model) == nil {
      fold(entry, Array(weights.elements[entry.range]))
    }
  }

  /// Why a mean has no place in front; nil where it has one.
  static func obstacle(to entry: ParameterTable.Entry, _ model: ModelConfiguration) -> Obstacle? {
    switch layer(of: entry) {
    case .fc2: return .gelu
    case .qkv:
      let block = model.blueprint.stages.lazy.flatMap(\.blocks).first {
        $0.name == entry.part.block
      }
      return block.map { $0.attentionRows > $0.tokens } == true ? .padding : nil
    case .proj, .fc1, nil: return nil
    }
  }

  /// The layer whose inputs a mean is of.
  private static func layer(of entry: ParameterTable.Entry) -> LayerKind? {
    LayerKind.allCases.first { entry.name.hasSuffix(".\($0.rawValue).\(inputMeanName)") }
  }

  private static let inputMeanName = "input_mean"

  private mutating func fold(_ entry: ParameterTable.Entry, _ mean: [Float]) {
    guard let kind = Self.layer(of: entry), let block = entry.part.block else {
      preconditionFailure("\(entry.name) is no layer's of a block")
    }
    let layer = entry.name.dropLast(Self.inputMeanName.count)
    let producer: String
    switch kind {
    case .qkv: producer = "\(block).norm1.bias"
    case .proj: producer = "\(block).attn.qkv.bias"
    case .fc1: producer = "\(block).norm2.bias"
    case .fc2: return
    }
    guard let codes = places["\(layer)weight"].flatMap({ tensors[$0].codes }) else {
      preconditionFailure("\(layer)weight has no codes")
    }
    let values = codes.unpacked(axis: .rows, rows: codes.lanes, columns: mean.count).values
    let count = mean.count
    change("\(layer)bias") { bias in
      for row in bias.indices {
        var sum = Double(bias[row])
        for (column, mean) in mean.enumerated() {
          sum += Double(values[row * count + column]) * Double(mean)
        }
        bias[row] = Float(sum)
      }
    }
    change(producer) { bias in
      // The values are the last third of what qkv makes.
      let start = bias.count - mean.count
      for (column, mean) in mean.enumerated() { bias[start + column] -= mean }
    }
  }

  private mutating func change(_ name: String, _ body: (inout [Float]) -> Void) {
    guard let place = places[name], case .floats(var values) = tensors[place].content else {
      preconditionFailure("\(name) is not there")
    }
    body(&values)
    tensors[place] = ExportedTensor(name, shape: tensors[place].shape, .floats(values))
  }
}
