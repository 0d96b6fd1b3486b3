extension Image {
  /// The image as `size` × `size` pixels of `wanted` channels: the shorter side resized to `size`, the
  /// middle of the longer side kept. An image that has the size already is not touched.
  package func fitted(size: Int, channels wanted: Int) -> Image {
    // Colours are joined before the work of resizing, grey is repeated after it.
    let source = wanted < channels ? converted(channels: wanted) : self
    let shorter = min(width, height)
    // Only the longer side has anything to cut off: 0 for the shorter one.
    let across = ResampleAxis(
      from: width, to: size * width / shorter, keeping: size)
    let down = ResampleAxis(
      from: height, to: size * height / shorter, keeping: size)
    return source.resampled(across: across, down: down).converted(channels: wanted)
  }

  /// Both passes, horizontal first, each rounded to 8 bits as Pillow rounds. A pass that changes
  /// nothing is left out.
  private func resampled(across: ResampleAxis, down: ResampleAxis) -> Image {
    if down.isIdentity { return resampled(across: across, rows: 0..<height) }
    // Rows that the vertical pass does not look at are left out of the horizontal one.
    let rows = down.sources
    return resampled(across: across, rows: rows).resampled(down: down, firstRow: rows.lowerBound)
  }

  private func resampled(across: ResampleAxis, rows: Range<Int>) -> Image {
    if across.isIdentity && rows.count == height { return self }
    let line = across.windows.count * channels
    let result = [UInt8](unsafeUninitializedCapacity: rows.count * line) { output, count in
      pixels.withUnsafeBufferPointer { input in
        for (position, row) in rows.enumerated() {
          across.gather(
            from: input.baseAddress! + row * width * channels,
            to: output.baseAddress! + position * line, channels: channels)
        }
      }
      count = rows.count * line
    }
    return Image(
      width: across.windows.count, height: rows.count, channels: channels, pixels: result)
  }

  private func resampled(down: ResampleAxis, firstRow: Int) -> Image {
    let line = width * channels
    let rows = down.windows.count
    let result = [UInt8](unsafeUninitializedCapacity: rows * line) { output, count in
      pixels.withUnsafeBufferPointer { input in
        down.blend(
          from: input.baseAddress!, firstRow: firstRow, to: output.baseAddress!, line: line)
      }
      count = rows * line
    }
    return Image(width: width, height: rows, channels: channels, pixels: result)
  }
}
