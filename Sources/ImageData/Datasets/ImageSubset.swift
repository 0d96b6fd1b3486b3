/// Some images of a data set, in their order there.
struct ImageSubset: ImageDataset {
  private let base: any ImageDataset
  private let indices: [Int32]

  /// - Parameter indices: ascending, each once.
  init(_ base: any ImageDataset, _ indices: [Int32]) {
    (self.base, self.indices) = (base, indices)
  }

  var classNames: [String] { base.classNames }
  var count: Int { indices.count }
  func label(_ index: Int) -> Int { base.label(Int(indices[index])) }
  func name(_ index: Int) -> String { base.name(Int(indices[index])) }
  func content(_ index: Int) throws -> ImageContent { try base.content(Int(indices[index])) }
  func key(_ index: Int) -> String { base.key(Int(indices[index])) }
  func file(_ index: Int) throws -> [UInt8]? { try base.file(Int(indices[index])) }
}
