/// A size of models: what recipes and timm's arguments call it, and where a configuration has it.
package struct ModelSize: Sendable {
  /// Where a configuration has it.
  package enum Place: Sendable {
    case integer(WritableKeyPath<ModelConfiguration, Int> & Sendable)
    case integers(WritableKeyPath<ModelConfiguration, [Int]> & Sendable)
    case number(WritableKeyPath<ModelConfiguration, Float> & Sendable)
  }

  /// The recipe's key, behind `model.`.
  package let key: String
  /// timm's argument, as checkpoints carry it in their metadata.
  package let argument: String
  /// Where a configuration has it.
  package let place: Place
  /// Whether checkpoints may leave it out.
  let isOptional: Bool

  init(_ key: String, _ argument: String, _ place: Place, isOptional: Bool = false) {
    (self.key, self.argument, self.place, self.isOptional) = (key, argument, place, isOptional)
  }

  /// The sizes of a family's models, in the order of the recipe's keys.
  package static func all(of family: any ModelFamily.Type) -> [ModelSize] {
    [
      ModelSize("image_size", "img_size", .integer(\.imageSize)),
      ModelSize("patch_size", "patch_size", .integer(\.patchSize)),
      ModelSize("channels", "in_chans", .integer(\.channels), isOptional: true),
      ModelSize("width", "embed_dim", .integer(\.width)),
    ] + family.sizes + [
      ModelSize("mlp_ratio", "mlp_ratio", .number(\.mlpRatio), isOptional: true),
      ModelSize("norm_epsilon", "norm_eps", .number(\.normEpsilon), isOptional: true),
      ModelSize("classes", "num_classes", .integer(\.classes)),
    ]
  }

  /// Its value in a configuration, as words.
  package func words(in shape: ModelConfiguration) -> [String] {
    switch place {
    case .integer(let path): ["\(shape[keyPath: path])"]
    case .integers(let path): shape[keyPath: path].map(String.init)
    case .number(let path): ["\(shape[keyPath: path])"]
    }
  }
}
