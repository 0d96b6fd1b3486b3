extension ImageContent {
  /// The image as evaluation sees it: the shorter side resized to ⌊size / cropRatio⌋, of that the middle `size` × `size`
  /// pixels, in `wanted` channels. An image that has the size already is not touched. A JPEG is decoded no larger than
  /// is needed, unless `exactly`.
  package func fitted(
    size: Int, channels wanted: Int, cropRatio: Double = 1, exactly: Bool = false
  ) throws -> Image {
    let shorter = min(width, height)
    let target = Self.target(size: size, cropRatio: cropRatio)
    let reduction = fittedReduction(size: size, cropRatio: cropRatio, exactly: exactly)
    // As torchvision rounds: the longer side down, an odd remainder of the crop to the even half.
    func keep(_ length: Int) -> (target: Int, kept: Range<Int>) {
      let resized = target * length / shorter
      let first = Int((Double(resized - size) / 2).rounded(.toNearestOrEven))
      return (resized, first..<first + size)
    }
    let (columns, rows) = (keep(width), keep(height))
    return try image(reduction: reduction).resized(
      CropBox(x: 0, y: 0, width: width, height: height), reduction: reduction,
      columns: columns, rows: rows, channels: wanted)
  }

  /// What the shorter side is resized to.
  package static func target(size: Int, cropRatio: Double) -> Int {
    max(size, Int((Double(size) / cropRatio).rounded(.down)))
  }

  /// How much smaller a JPEG is decoded to be fitted.
  func fittedReduction(size: Int, cropRatio: Double, exactly: Bool) -> Int {
    reduction(
      from: min(width, height), to: 2 * Self.target(size: size, cropRatio: cropRatio),
      exactly: exactly)
  }

  /// A part of the image, resized to `size` × `size` pixels of `wanted` channels.
  func cropped(
    _ box: CropBox, size: Int, channels wanted: Int, exactly: Bool = false
  ) throws -> Image {
    let reduction = reduction(from: min(box.width, box.height), to: size, exactly: exactly)
    return try image(reduction: reduction).resized(
      box, reduction: reduction, columns: (size, 0..<size), rows: (size, 0..<size),
      channels: wanted)
  }

  /// How much smaller a JPEG may be decoded of which `length` pixels are needed as `target` ones at least.
  ///
  /// Evaluation asks for twice what it resizes to: the antialiasing kernel has the last word, and images differ by less
  /// than half a level from those of a whole decode. Crops of training ask for no more than they show, which moves the
  /// reduced ones by 1.3 levels on average (Documentation/Data.md). Exactly, all is decoded whole, but for files that
  /// are too large for that.
  private func reduction(from length: Int, to target: Int, exactly: Bool) -> Int {
    guard case .file(let file) = self, file.format == .jpeg else { return 1 }
    let enough = exactly ? 1 : [8, 4, 2].first { length >= $0 * target } ?? 1
    return max(file.leastReduction, enough)
  }

  /// Whether every crop of the image is decoded whole, so that its pixels serve all of them.
  func isNeverReduced(size: Int, exactly: Bool) -> Bool {
    reduction(from: max(width, height), to: size, exactly: exactly) == 1
  }
}

extension Image {
  /// Part `box` of an image of which these pixels are a `reduction`-th, resized with bicubic antialiasing.
  ///
  /// - Parameter columns: how many columns the part is resized to, and which of them are kept; `rows` likewise.
  func resized(
    _ box: CropBox, reduction: Int, columns: (target: Int, kept: Range<Int>),
    rows: (target: Int, kept: Range<Int>), channels wanted: Int
  ) -> Image {
    // Colours are joined before the work of resizing, grey is repeated after it.
    let source = wanted < channels ? converted(channels: wanted) : self
    func axis(_ start: Int, _ length: Int, _ limit: Int, _ output: (target: Int, kept: Range<Int>))
      -> ResampleAxis
    {
      let factor = 1 / Double(reduction)
      return ResampleAxis(
        from: Double(start) * factor, to: min(Double(start + length) * factor, Double(limit)),
        within: limit, target: output.target, keeping: output.kept)
    }
    return source.resampled(
      across: axis(box.x, box.width, width, columns), down: axis(box.y, box.height, height, rows)
    ).converted(channels: wanted)
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
        across.gather(
          from: input.baseAddress! + rows.lowerBound * width * channels, width: width,
          rows: rows.count, to: output.baseAddress!, channels: channels)
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
