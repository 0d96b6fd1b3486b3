import MXCompute
import MXRuntime

// Shapes: B batch, S tokens a side of the image's grid, M tokens a side of a window, W windows of an image, C channels.

/// The windows of an image.
package struct WindowShape: Equatable, Sendable {
  /// S, and M.
  package let side, window: Int
  /// How far the grid is rolled; 0 for windows that lie as the image does.
  package let shift: Int

  /// - Parameter isShifted: whether to roll by half a window. A grid that fits into one window is one, unshifted.
  package init(side: Int, window: Int, isShifted: Bool) {
    self.side = side
    self.window = min(side, window)
    shift = isShifted && side > window ? window / 2 : 0
  }

  /// Windows along one side.
  var across: Int { (side + window - 1) / window }
  /// W.
  package var windows: Int { across * across }
  /// M².
  package var area: Int { window * window }
}

/// How the tokens of an image lie in shifted windows (Liu et al. 2021, section 3.2): the grid is rolled up and left by the
/// shift, filled up with zeros below and on the right to whole windows, and cut; windows follow each other by rows.
package struct WindowLayout: Sendable {
  /// How many, and how large.
  package let shape: WindowShape
  /// Tokens → windows [W·M²]; zeros where it is filled up.
  package let toWindows: RowMap
  /// Windows → tokens: what filled up is left out.
  package let toImage: RowMap
  /// [W, M²·M²]: −100 between tokens that the roll made neighbours, else 0; nil without a shift.
  package let masks: AlignedBuffer<Float>?

  /// The layout of windows.
  package init(_ shape: WindowShape) {
    let (side, window, shift, across) = (shape.side, shape.window, shape.shift, shape.across)
    let padded = across * window
    var sources: [Int] = []
    var regions: [Int] = []
    // Which of the parts that the roll has put together a row or column belongs to.
    func region(_ x: Int) -> Int { x < padded - window ? 0 : x < padded - shift ? 1 : 2 }
    for corner in 0..<across * across {
      for cell in 0..<window * window {
        let row = corner / across * window + cell / window
        let column = corner % across * window + cell % window
        let isInside = row < side && column < side
        sources.append(
          isInside ? (row + shift) % side * side + (column + shift) % side : -1)
        regions.append(3 * region(row) + region(column))
      }
    }
    self.shape = shape
    toWindows = RowMap(sources, of: side * side)
    toImage = toWindows.inverse
    masks = shift > 0 ? Self.masks(regions, area: window * window) : nil
  }

  private static func masks(_ regions: [Int], area: Int) -> AlignedBuffer<Float> {
    var masks = [Float](repeating: 0, count: regions.count * area)
    for (row, region) in regions.enumerated() {
      let first = row / area * area
      for other in 0..<area where regions[first + other] != region {
        masks[row * area + other] = -100
      }
    }
    return AlignedBuffer(masks)
  }
}
