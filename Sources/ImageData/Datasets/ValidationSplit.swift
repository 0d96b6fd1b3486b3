/// Which images of a data set without a labelled test side are kept out of training, to test with.
///
/// In every class the images are put in an order that a hash of the seed and their names makes, and the first ones are
/// kept: so every class keeps its share, the order in which a file system lists them changes nothing, and an image that
/// is added moves at most one other to the other side.
package struct ValidationSplit: Sendable, Equatable {
  /// The share of each class's images, above 0 and below 1.
  package var share: Double
  /// What the order is drawn from.
  package var seed: Int

  /// A split; by default a fifth.
  package init(share: Double = 0.2, seed: Int = 0) {
    (self.share, self.seed) = (share, seed)
  }

  /// Both sides of a data set: of a class with two images or more at least one on each, of one with a single image
  /// none to test with.
  func sides(_ dataset: any ImageDataset) -> (train: ImageSubset, test: ImageSubset) {
    var classes: [[(hash: UInt64, index: Int32)]] = Array(
      repeating: [], count: dataset.classNames.count)
    for index in 0..<dataset.count {
      classes[dataset.label(index)].append((hash(dataset.key(index)), Int32(index)))
    }
    var isKept = Array(repeating: false, count: dataset.count)
    for images in classes where images.count > 1 {
      let wanted = Int((share * Double(images.count)).rounded())
      let kept = min(max(wanted, 1), images.count - 1)
      // Equal hashes are those of equal names; which of the two is kept does not matter then.
      for (_, index) in images.sorted(by: { $0 < $1 }).prefix(kept) { isKept[Int(index)] = true }
    }
    let all = 0..<Int32(dataset.count)
    return (
      ImageSubset(dataset, all.filter { !isKept[Int($0)] }),
      ImageSubset(dataset, all.filter { isKept[Int($0)] })
    )
  }

  /// FNV-1a (Fowler, Noll, Vo) of seed and name, its bits then spread by SplitMix64's last steps, because the first
  /// bits of FNV's hashes of similar names are similar.
  private func hash(_ name: String) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    withUnsafeBytes(of: UInt64(truncatingIfNeeded: seed).littleEndian) { $0.forEach(add) }
    name.utf8.forEach(add)
    hash = (hash ^ hash >> 30) &* 0xBF58_476D_1CE4_E5B9
    hash = (hash ^ hash >> 27) &* 0x94D0_49BB_1331_11EB
    return hash ^ hash >> 31
  }
}
