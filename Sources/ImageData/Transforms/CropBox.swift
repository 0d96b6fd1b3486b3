#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif
import MXRuntime

/// A rectangle of an image, in pixels.
package struct CropBox: Equatable {
  /// The first column and the first row.
  package let x, y: Int
  /// Columns and rows.
  package let width, height: Int

  /// A rectangle; whether it lies within an image, its maker knows.
  package init(x: Int, y: Int, width: Int, height: Int) {
    (self.x, self.y, self.width, self.height) = (x, y, width, height)
  }

  /// The random part of an image that RandomResizedCrop shows (torchvision's and timm's; Szegedy et al. 2015): its area
  /// uniform in `scale` of the image's, its ratio width/height log-uniform in `ratio`, its place uniform.
  ///
  /// Ten attempts; where none fits into the image, the largest middle part of an allowed ratio.
  package static func random(
    width: Int, height: Int, scale: ClosedRange<Double>, ratio: ClosedRange<Double>,
    _ random: inout RandomSequence
  ) -> CropBox {
    let logRatio = log(ratio.lowerBound)...log(ratio.upperBound)
    for _ in 0..<10 {
      let area = Double(width * height) * random.uniform(in: scale)
      let aspect = exp(random.uniform(in: logRatio))
      let columns = Int((area * aspect).squareRoot().rounded(.toNearestOrEven))
      let rows = Int((area / aspect).squareRoot().rounded(.toNearestOrEven))
      if (1...width).contains(columns), (1...height).contains(rows) {
        let y = random.integer(below: height - rows + 1)
        let x = random.integer(below: width - columns + 1)
        return CropBox(x: x, y: y, width: columns, height: rows)
      }
    }
    let whole = Double(width) / Double(height)
    let columns =
      whole > ratio.upperBound
      ? max(1, Int((Double(height) * ratio.upperBound).rounded(.toNearestOrEven))) : width
    let rows =
      whole < ratio.lowerBound
      ? max(1, Int((Double(width) / ratio.lowerBound).rounded(.toNearestOrEven))) : height
    return CropBox(
      x: (width - columns) / 2, y: (height - rows) / 2, width: columns, height: rows)
  }
}

extension RandomSequence {
  /// A number uniform in a range, a multiple of 2⁻²⁴ of its length.
  mutating func uniform(in range: ClosedRange<Double>) -> Double {
    range.lowerBound + Double(uniform()) * (range.upperBound - range.lowerBound)
  }

  /// A number from the standard normal distribution.
  mutating func normal() -> Double { normals().0 }

  /// Two numbers from the standard normal distribution (Box–Muller).
  mutating func normals() -> (Double, Double) {
    // In (0, 1], so that the logarithm is finite.
    let radius = (-2 * log(1 - Double(uniform()))).squareRoot()
    let angle = 2 * Double.pi * Double(uniform())
    return (radius * cos(angle), radius * sin(angle))
  }
}
