import Files

/// A family of models: all in which it differs from the others.
///
/// A family is a folder in `Families`, and a line in `Architecture.families`.
package protocol ModelFamily: SendableMetatype {
  /// What recipes and checkpoints call it.
  static var name: String { get }
  /// What people call it.
  static var title: String { get }
  /// timm's models of the family.
  static var presets: [(name: String, configuration: ModelConfiguration)] { get }
  /// The sizes that not every family has.
  static var sizes: [ModelSize] { get }
  /// ε of the layer norms where nothing else is said.
  static var normEpsilon: Float { get }

  /// Refuses sizes that no model of the family can have; those of every family have been looked at.
  ///
  /// - Throws: `ModelError`, naming what is wrong.
  static func validate(_ shape: ModelConfiguration) throws
  /// What a model is built of.
  static func blueprint(_ shape: ModelConfiguration) -> Blueprint

  /// How files name the parameters.
  static var names: FamilyNames { get }
  /// What transformers call the model, its type and its class; nil where they have none.
  static var hubModel: (type: String, class: String)? { get }
  /// The sizes of a model as transformers' configurations name them, without those that all families have.
  static func hubSizes(_ shape: ModelConfiguration) -> JSONLine
  /// Whether a file of pretrained weights is one of the family.
  static func recognizes(_ file: PretrainedNames) -> Bool
  /// The sizes of the family that names and extents of tensors tell.
  static func readSizes(_ file: PretrainedNames, _ hub: HubSizes?, into found: inout FoundSizes)
}

/// Which family a model is of.
package struct Architecture: RawRepresentable, CaseIterable, Hashable, Sendable {
  /// All families. One that is told from another by what it has besides stands behind it.
  private static let families: [any ModelFamily.Type] = [ViT.self, Swin.self, DeiT3.self]

  /// What the family does and knows.
  package let family: any ModelFamily.Type

  init(_ family: any ModelFamily.Type) { self.family = family }

  /// The name of the family.
  package var rawValue: String { family.name }

  /// The family of a name; nil where there is none.
  package init?(rawValue: String) {
    guard let family = Self.families.first(where: { $0.name == rawValue }) else { return nil }
    self.family = family
  }

  /// All families.
  package static let allCases = families.map(Architecture.init)

  package static func == (a: Architecture, b: Architecture) -> Bool { a.rawValue == b.rawValue }

  package func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
}
