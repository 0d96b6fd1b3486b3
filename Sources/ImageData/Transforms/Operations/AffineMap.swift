#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Where the pixels of a transformed image come from: output (x, y) shows source (a·x + b·y + c, d·x + e·y + f), measured
/// from the corner, pixel centres at halves.
struct AffineMap {
  var a, b, c: Double
  var d, e, f: Double

  /// A counter-clockwise turn about the centre of an image.
  static func rotation(_ degrees: Double, _ width: Int, _ height: Int) -> AffineMap {
    let angle = -degrees * .pi / 180
    // Rounded, so that a quarter turn is one: an edge that falls beside the image by 10⁻¹⁶ would be
    // filled.
    let (cosine, sine) = (
      (cos(angle) * 1e15).rounded() / 1e15, (sin(angle) * 1e15).rounded() / 1e15
    )
    let (x, y) = (Double(width) / 2, Double(height) / 2)
    return AffineMap(
      a: cosine, b: sine, c: x - cosine * x - sine * y,
      d: -sine, e: cosine, f: y + sine * x - cosine * y)
  }
}

extension Image {
  /// The image under a map, bicubic (a = −1, without antialiasing, fractions dropped, as Pillow's `transform` has it); `fill` where the source
  /// has nothing, edges repeated where the kernel reaches beyond them.
  func transformed(_ map: AffineMap, fill: [UInt8]) -> Image {
    let source = planarVectors()
    let filling = SIMD4<Float>((0..<4).map { $0 < channels ? Float(fill[$0]) : 0 })
    let result = [UInt8](unsafeUninitializedCapacity: pixels.count) { output, count in
      source.withUnsafeBufferPointer { source in
        for y in 0..<height {
          for x in 0..<width {
            let (centerX, centerY) = (Double(x) + 0.5, Double(y) + 0.5)
            let sourceX = map.a * centerX + map.b * centerY + map.c
            let sourceY = map.d * centerX + map.e * centerY + map.f
            let isInside =
              sourceX >= 0 && sourceX < Double(width) && sourceY >= 0 && sourceY < Double(height)
            let value =
              isInside
              ? sample(source, x: sourceX - 0.5, y: sourceY - 0.5) : filling
            let target = (y * width + x) * channels
            for channel in 0..<channels { output[target + channel] = UInt8(value[channel]) }
          }
        }
      }
      count = pixels.count
    }
    return Image(width: width, height: height, channels: channels, pixels: result)
  }

  /// The pixels as vectors of numbers, unused channels 0.
  private func planarVectors() -> [SIMD4<Float>] {
    pixels.withUnsafeBufferPointer { pixels in
      (0..<width * height).map { index in
        channels == 1
          ? SIMD4(Float(pixels[index]), 0, 0, 0)
          : SIMD4(
            Float(pixels[3 * index]), Float(pixels[3 * index + 1]), Float(pixels[3 * index + 2]), 0)
      }
    }
  }

  /// The value at a place between pixels, cut off at 0 and 255.
  @inline(__always)
  private func sample(
    _ source: UnsafeBufferPointer<SIMD4<Float>>, x: Double, y: Double
  ) -> SIMD4<Float> {
    let (left, top) = (x.rounded(.down), y.rounded(.down))
    let (dx, dy) = (Float(x - left), Float(y - top))
    let (column, row) = (Int(left), Int(top))
    @inline(__always) func line(_ row: Int) -> SIMD4<Float> {
      let base = min(max(row, 0), height - 1) * width
      @inline(__always) func pixel(_ column: Int) -> SIMD4<Float> {
        source[base + min(max(column, 0), width - 1)]
      }
      // Shifts by whole pixels and shears along the other axis leave this axis alone.
      if dx == 0 { return pixel(column) }
      return Self.cubic(
        pixel(column - 1), pixel(column), pixel(column + 1), pixel(column + 2), dx)
    }
    let value =
      dy == 0
      ? line(row) : Self.cubic(line(row - 1), line(row), line(row + 1), line(row + 2), dy)
    return value.clamped(lowerBound: .zero, upperBound: SIMD4(repeating: 255))
  }

  /// Cubic convolution with a = −1 between b (d = 0) and c (d = 1).
  @inline(__always)
  private static func cubic(
    _ a: SIMD4<Float>, _ b: SIMD4<Float>, _ c: SIMD4<Float>, _ e: SIMD4<Float>, _ d: Float
  ) -> SIMD4<Float> {
    let linear = c - a
    let square = 2 * (a - b) + c - e
    let cube = b - a + e - c
    return b + d * (linear + d * (square + d * cube))
  }
}
