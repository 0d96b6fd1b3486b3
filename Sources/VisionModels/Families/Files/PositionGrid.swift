/// What a position embedding has places for.
package struct PositionGrid {
  /// The tokens before the grid: a class token, perhaps a distillation token, or none (DeiT-III, whose class token joins
  /// after the embedding is added).
  package let extra: Int
  /// The grid's side.
  package let side: Int

  /// nil for a number of tokens that makes no grid.
  package init?(tokens: Int) {
    let found = [1, 2, 0].lazy.compactMap { extra in
      squareSide(tokens - extra).map { (extra, $0) }
    }.first
    guard let found else { return nil }
    (extra, side) = found
  }
}

/// The side of a square of `count` places; nil where they make none.
package func squareSide(_ count: Int) -> Int? {
  guard (1...1 << 40).contains(count) else { return nil }
  let side = Int(Double(count).squareRoot().rounded())
  return side * side == count ? side : nil
}
