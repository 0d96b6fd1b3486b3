import MXRuntime

/// Which input channels of a layer are in which format: places in ascending order.
package struct ChannelSplit: BitwiseCopyable {
  /// Those in the recipe's formats, and those in the wide one.
  package let narrow, wide: UnsafeMutableBufferPointer<Int>

  /// The split that has been chosen.
  ///
  /// - Parameters:
  ///   - channels: [1, D], positive for wide ones; where none is, as in a model that has not been trained, these are the first.
  ///   - count: how many are wide.
  ///   - arena: where the places are put.
  package init(_ channels: FloatMatrix, count: Int, _ arena: Arena) {
    let values = channels.elements
    narrow = arena.array(of: Int.self, count: values.count - count)
    wide = arena.array(of: Int.self, count: count)
    let isChosen = values.count { $0 > 0 } == count
    var (ordinary, other) = (0, 0)
    for channel in values.indices {
      if isChosen ? values[channel] > 0 : channel < count {
        wide[other] = channel
        other += 1
      } else {
        narrow[ordinary] = channel
        ordinary += 1
      }
    }
  }
}
