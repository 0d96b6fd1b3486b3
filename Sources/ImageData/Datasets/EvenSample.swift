/// Some of 0 ..< n, as far from each other as they can be.
struct EvenSample {
  private let total: Int
  /// How many there are.
  let count: Int

  /// `wanted` of `total` numbers, all where there are not so many.
  init(of total: Int, _ wanted: Int) {
    (self.total, count) = (total, min(wanted, total))
  }

  /// Number `index` of them.
  subscript(index: Int) -> Int {
    // In full width: the product of two counts may overflow.
    let product = index.multipliedFullWidth(by: total)
    return count.dividingFullWidth(product).quotient
  }
}
