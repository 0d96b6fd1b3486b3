extension Preprocessing {
  /// One image as the model sees it in evaluation: C × H × W, normalized.
  ///
  /// - Throws: `LoaderError` for settings that cannot be used, `ImageError`.
  package func prepared(_ content: ImageContent) throws -> [Float] {
    try check()
    let image = try content.fitted(
      size: imageSize, channels: channels, cropRatio: cropRatio, exactly: exactDecoding)
    return [Float](unsafeUninitializedCapacity: image.pixels.count) { buffer, count in
      Normalization(self).write(image, placed: .identity, to: buffer.baseAddress!)
      count = image.pixels.count
    }
  }
}

/// Turns 8-bit pixels into the numbers a model sees: (value / 255 − mean) / standard deviation.
struct Normalization: Sendable {
  /// C × 256: what each value of each channel becomes. Black padding is value 0.
  private let table: [Float]
  private let size: Int
  private let channels: Int

  init(_ preprocessing: Preprocessing) {
    size = preprocessing.imageSize
    channels = preprocessing.channels
    table = (0..<preprocessing.channels).flatMap { channel in
      (0..<256).map {
        (Float($0) / 255 - preprocessing.mean[channel]) / preprocessing.standardDeviation[channel]
      }
    }
  }

  /// Writes an image (H × W × C) to `output` (C × H × W), placed as said.
  func write(_ image: Image, placed: Placement, to output: UnsafeMutablePointer<Float>) {
    let pixels = image.pixels
    precondition(pixels.count == size * size * channels, "\(pixels.count) values of an image")
    // Output columns that show a part of the image, before mirroring; the rest is black.
    let columns = range(shift: placed.dx)
    let rows = range(shift: placed.dy)
    pixels.withUnsafeBufferPointer { pixels in
      table.withUnsafeBufferPointer { table in
        for channel in 0..<channels {
          let values = table.baseAddress! + channel * 256
          for y in 0..<size {
            let row = output + (channel * size + y) * size
            if !rows.contains(y) {
              row.update(repeating: values[0], count: size)
              continue
            }
            if columns.count < size { row.update(repeating: values[0], count: size) }
            let start = ((y + placed.dy) * size + placed.dx) * channels + channel
            if placed.isMirrored {
              for x in columns { row[size - 1 - x] = values[Int(pixels[start + x * channels])] }
            } else {
              for x in columns { row[x] = values[Int(pixels[start + x * channels])] }
            }
          }
        }
      }
    }
  }

  private func range(shift: Int) -> Range<Int> {
    let lower = min(max(0, -shift), size)
    return lower..<max(lower, min(size, size - shift))
  }
}
