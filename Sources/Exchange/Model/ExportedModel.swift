import Files
import MXFormats
import VisionModels

/// A model in 4 bits as it is taken away: what every layout writes down in its own words.
package struct ExportedModel: Sendable {
  /// The model's shape.
  package let configuration: ModelConfiguration
  /// All its tensors under timm's names, in the order of the model.
  package let tensors: [ExportedTensor]
  /// The classes' names by label; empty where nobody knows them.
  package let classNames: [String]
  /// What is done to an image before the model sees it.
  package let images: ImagePreparation
  /// What the inputs of the quantized layers are where the model runs.
  package let activations: Activations
  /// Where the model comes from: method, format, scale rule, seed, the hash of the source, and so on.
  package let origin: [String: String]

  /// A model of these parts.
  package init(
    configuration: ModelConfiguration, tensors: [ExportedTensor], classNames: [String],
    images: ImagePreparation, activations: Activations, origin: [String: String]
  ) {
    (self.configuration, self.tensors, self.classNames) = (configuration, tensors, classNames)
    (self.images, self.activations, self.origin) = (images, activations, origin)
  }

  /// The note of the outer scales in a file's metadata: a JSON object of numbers by the tensors' names.
  package static let outerScalesKey = "outer_scales"

  /// What the classes are called, "class 7" where nobody knows.
  var labels: [String] {
    (0..<configuration.classes).map { $0 < classNames.count ? classNames[$0] : "class \($0)" }
  }
}

/// What the inputs of quantized layers are: as they come, or 4-bit numbers, as in training.
package enum Activations: String, CaseIterable, Sendable {
  case full, mxfp4
}

/// How the tensors are stored that have no codes.
package enum RestType: String, CaseIterable, Sendable {
  case f32, bf16
}

/// One tensor of a model.
package struct ExportedTensor: Sendable {
  /// What it holds.
  package enum Content: Sendable {
    /// Numbers in single precision.
    case floats([Float])
    /// Codes in groups along the inputs, a lane an output.
    case codes(PackedMatrix)
  }

  /// timm's name.
  package let name: String
  /// Its extents, slowest first.
  package let shape: [Int]
  /// Its elements.
  package let content: Content

  /// A tensor.
  package init(_ name: String, shape: [Int], _ content: Content) {
    (self.name, self.shape, self.content) = (name, shape, content)
  }

  /// The codes, where it has some.
  package var codes: PackedMatrix? {
    if case .codes(let codes) = content { codes } else { nil }
  }

  /// As many equal parts one below the other, each with a name of its own: queries, keys and values.
  func split(into names: [String]) -> [ExportedTensor] {
    let rows = shape[0] / names.count
    let size = shape.dropFirst().reduce(rows, *)
    return names.enumerated().map { part, name in
      let content: Content =
        switch content {
        case .floats(let values): .floats(Array(values[part * size..<(part + 1) * size]))
        case .codes(let codes): .codes(codes[lanes: part * rows..<(part + 1) * rows])
        }
      return ExportedTensor(name, shape: [rows] + shape.dropFirst(), content)
    }
  }
}

/// What is done to an image: its shorter side is resized (bicubic), the middle kept, its values in 0…1 normalized.
package struct ImagePreparation: Sendable {
  /// Pixels that the shorter side is resized to.
  package let shorterSide: Int
  /// Pixels a side of what the model sees.
  package let side: Int
  /// What is subtracted from each channel, and what it is divided by after that.
  package let mean, standardDeviation: [Float]

  /// A preparation.
  package init(shorterSide: Int, side: Int, mean: [Float], standardDeviation: [Float]) {
    (self.shorterSide, self.side) = (shorterSide, side)
    (self.mean, self.standardDeviation) = (mean, standardDeviation)
  }
}
