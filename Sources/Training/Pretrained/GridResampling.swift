/// Resizes a square grid of vectors by bicubic interpolation, along one axis after the other.
///
/// Keys' kernel with a = −½, stretched where the grid shrinks, its weights made to sum to 1 at the edges: what timm does
/// with position embeddings (PyTorch's `interpolate(mode: bicubic, antialias: true)`).
///
/// - Parameters:
///   - grid: side × side × channels.
/// - Returns: newSide × newSide × channels.
func resampledGrid(_ grid: [Float], side: Int, newSide: Int, channels: Int) -> [Float] {
  precondition(grid.count == side * side * channels, "\(grid.count) numbers for a grid of \(side)")
  if side == newSide { return grid }
  let windows = resamplingWindows(from: side, to: newSide)
  var down = [Float](repeating: 0, count: newSide * side * channels)
  let line = side * channels
  for (row, window) in windows.enumerated() {
    for (offset, weight) in window.weights.enumerated() {
      for x in 0..<line {
        down[row * line + x] += weight * grid[(window.start + offset) * line + x]
      }
    }
  }
  var result = [Float](repeating: 0, count: newSide * newSide * channels)
  for row in 0..<newSide {
    for (column, window) in windows.enumerated() {
      for (offset, weight) in window.weights.enumerated() {
        let source = (row * side + window.start + offset) * channels
        let target = (row * newSide + column) * channels
        for channel in 0..<channels { result[target + channel] += weight * down[source + channel] }
      }
    }
  }
  return result
}

/// For each place of the new axis, the places of the old one that it is made of.
private func resamplingWindows(from length: Int, to target: Int) -> [(start: Int, weights: [Float])]
{
  let scale = Double(length) / Double(target)
  let stretch = max(scale, 1)
  func kernel(_ distance: Double) -> Double {
    let x = abs(distance)
    if x < 1 { return (1.5 * x - 2.5) * x * x + 1 }
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0
  }
  return (0..<target).map { place in
    let center = (Double(place) + 0.5) * scale
    let start = max(0, Int(center - 2 * stretch + 0.5))
    let end = max(start + 1, min(length, Int(center + 2 * stretch + 0.5)))
    let weights = (start..<end).map { kernel((Double($0) - center + 0.5) / stretch) }
    let sum = weights.reduce(0, +)
    return (start, weights.map { Float($0 / sum) })
  }
}
