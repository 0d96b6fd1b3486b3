import ImageData

/// Which classes of a data set are which of a model's. They are the same where their names are; what neither the order nor
/// the number of classes says.
package struct ClassMatch: Sendable {
  /// The model's label of each class of the data; nil for one that the model does not know.
  let labels: [Int?]
  /// The classes that the model does not know, each with the number of its images, which are not scored.
  package let unknown: [(name: String, images: Int)]
  /// The model's classes that the data do not have.
  package let absent: [String]
  /// Whether label for label they are the same.
  package let isIdentity: Bool

  /// Images of classes that the model does not know.
  package var unscored: Int { unknown.reduce(0) { $0 + $1.images } }

  /// - Parameters:
  ///   - model: the model's classes by label; empty where its file does not name them, and then their number decides.
  ///   - path: what messages call the data.
  /// - Throws: `RunError.classes` for another number of classes where the model's have no names, `RunError.noCommonClass`,
  ///   `RunError.ambiguousClass` where a name stands for two classes.
  init(_ data: any ImageDataset, model: [String], count: Int, path: String) throws {
    let names = data.classNames
    if names == model || model.isEmpty && names.count == count {
      labels = names.indices.map { $0 }
      (unknown, absent, isIdentity) = ([], [], true)
      return
    }
    guard !model.isEmpty else {
      throw RunError.classes(path: path, found: names.count, expected: count)
    }
    let places = try Self.places(model, path: "the model")
    _ = try Self.places(names, path: path)
    labels = names.map { places[$0] }
    let labels = self.labels
    guard labels.contains(where: { $0 != nil }) else {
      throw RunError.noCommonClass(path: path, found: names, expected: model)
    }
    var counts = [Int](repeating: 0, count: names.count)
    for index in 0..<data.count { counts[data.label(index)] += 1 }
    unknown = names.indices.filter { labels[$0] == nil }.map { (names[$0], counts[$0]) }
    let known = Set(names)
    absent = model.filter { !known.contains($0) }
    isIdentity = false
  }

  private static func places(_ names: [String], path: String) throws -> [String: Int] {
    try Dictionary(names.enumerated().map { ($1, $0) }) { first, second in
      throw RunError.ambiguousClass(path: path, name: names[second])
    }
  }

  /// The images of the data that the model has a class for, under the model's labels.
  func matched(_ data: any ImageDataset, model: [String]) -> any ImageDataset {
    isIdentity ? data : MatchedImages(data, labels: labels, classNames: model)
  }

  /// What a user should know of it in one line; nil where there is nothing to say.
  ///
  /// - Parameter path: what the line calls the data.
  package func note(path: String) -> String? {
    if isIdentity { return nil }
    func list(_ names: [String]) -> String {
      names.prefix(5).joined(separator: ", ")
        + (names.count > 5 ? " and \(names.count - 5) more" : "")
    }
    var parts = ["the classes of \(path) are matched with the model's by name"]
    if !unknown.isEmpty {
      parts.append(
        "the model does not know \(list(unknown.map { "'\($0.name)'" })): images not scored: \(unscored)"
      )
    }
    if !absent.isEmpty {
      parts.append("there are no images of \(list(absent.map { "'\($0)'" }))")
    }
    if parts.count == 1 { parts.append("they stand in another order") }
    return parts.joined(separator: "; ")
  }
}

/// Some images of a data set under other labels.
private struct MatchedImages: ImageDataset {
  let classNames: [String]
  private let data: any ImageDataset
  /// The image's place in the data, and its label.
  private let images: [(index: Int, label: Int)]

  init(_ data: any ImageDataset, labels: [Int?], classNames: [String]) {
    (self.data, self.classNames) = (data, classNames)
    images = (0..<data.count).compactMap { index in
      labels[data.label(index)].map { (index, $0) }
    }
  }

  var count: Int { images.count }
  func label(_ index: Int) -> Int { images[index].label }
  func name(_ index: Int) -> String { data.name(images[index].index) }
  func content(_ index: Int) throws -> ImageContent { try data.content(images[index].index) }
}
