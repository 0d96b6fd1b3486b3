#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif
import MXRuntime

/// Replaces a random rectangle of an image by noise (Zhong et al. 2020), in timm's pixel mode: each value becomes one from
/// the standard normal distribution, the image being normalized already.
package enum RandomErasing {
  /// The rectangle's share of the area, and its height by its width; timm's defaults.
  static let area = 0.02...1 / 3.0
  static let ratio = 0.3...1 / 0.3

  /// The rectangle to erase in an image of `size` × `size` pixels; nil where chance, or ten attempts in vain, leave it whole.
  package static func box(
    size: Int, probability: Double, _ random: inout RandomSequence
  ) -> CropBox? {
    guard Double(random.uniform()) < probability else { return nil }
    for _ in 0..<10 {
      let area = Double(size * size) * random.uniform(in: area)
      let aspect = exp(random.uniform(in: log(ratio.lowerBound)...log(ratio.upperBound)))
      let rows = Int((area * aspect).squareRoot().rounded(.toNearestOrEven))
      let columns = Int((area / aspect).squareRoot().rounded(.toNearestOrEven))
      if rows < size, columns < size, rows > 0, columns > 0 {
        let y = random.integer(below: size - rows + 1)
        let x = random.integer(below: size - columns + 1)
        return CropBox(x: x, y: y, width: columns, height: rows)
      }
    }
    return nil
  }

  /// Fills `box` of an image [C, size, size] with noise.
  package static func fill(
    _ box: CropBox, of image: UnsafeMutablePointer<Float>, size: Int, channels: Int,
    _ random: inout RandomSequence
  ) {
    for channel in 0..<channels {
      for y in box.y..<box.y + box.height {
        let row = image + (channel * size + y) * size + box.x
        for x in stride(from: 0, to: box.width, by: 2) {
          let (first, second) = random.normals()
          row[x] = Float(first)
          if x + 1 < box.width { row[x + 1] = Float(second) }
        }
      }
    }
  }
}
