import MXRuntime

/// Makes training samples of images: what `Augmentation` says, drawn from random numbers, and what
/// comes out as the numbers that a model sees.
struct Augmenter: Sendable {
  private let preprocessing: Preprocessing
  private let normalization: Normalization
  private let fill: [UInt8]

  init(_ preprocessing: Preprocessing) {
    self.preprocessing = preprocessing
    normalization = Normalization(preprocessing)
    fill = preprocessing.fill
  }

  /// Writes a sample of `content` to `output` (C × H × W, normalized).
  ///
  /// - Parameter content: the image; under `Augmentation.Crop.padded`, one that was
  ///   fitted already is as good.
  /// - Throws: `ImageError`.
  func write(
    _ content: ImageContent, _ random: inout RandomSequence,
    to output: UnsafeMutablePointer<Float>
  ) throws {
    let augmentation = preprocessing.augmentation
    let (size, channels) = (preprocessing.imageSize, preprocessing.channels)
    var image: Image
    var placement: Placement
    switch augmentation.crop {
    case .padded:
      placement = Placement.random(augmentation, &random)
      image = try fitted(content)
    case .resized:
      let box = CropBox.random(
        width: content.width, height: content.height, scale: augmentation.scale,
        ratio: augmentation.ratio, &random)
      let isMirrored = random.uniform() < augmentation.flipProbability
      placement = Placement(dx: 0, dy: 0, isMirrored: isMirrored)
      image = try content.cropped(
        box, size: size, channels: channels, exactly: preprocessing.exactDecoding)
    }
    if augmentation.changesPixels {
      image = image.placed(placement)
      placement = .identity
      var operations = augmentation.policy.draw(&random)
      if augmentation.colorJitter > 0 {
        operations += ImageOperation.colorJitter(augmentation.colorJitter, &random)
      }
      for operation in operations { image = image.applying(operation, fill: fill) }
    }
    normalization.write(image, placed: placement, to: output)
    if let box = RandomErasing.box(
      size: size, probability: augmentation.erasingProbability, &random)
    {
      RandomErasing.fill(box, of: output, size: size, channels: channels, &random)
    }
  }

  private func fitted(_ content: ImageContent) throws -> Image {
    let (size, channels) = (preprocessing.imageSize, preprocessing.channels)
    if case .pixels(let image) = content,
      (image.width, image.height, image.channels) == (size, size, channels)
    {
      return image
    }
    // What evaluation cuts off at the ends, training may show.
    return try content.fitted(
      size: size, channels: channels, exactly: preprocessing.exactDecoding)
  }
}

extension Preprocessing {
  /// The value of each channel that operations bring in from outside of an image: the mean, as in
  /// DeiT's recipe.
  package var fill: [UInt8] { mean.map { UInt8(min(max(($0 * 255).rounded(), 0), 255)) } }

  /// One image as the model sees it in training, C × H × W, normalized: sample `index` of those
  /// that come of a seed. What is done to whole batches (`Augmentation.mixing`) is not in it.
  ///
  /// - Throws: `LoaderError` for settings that cannot be used, `ImageError`.
  package func augmented(_ content: ImageContent, seed: UInt64, index: Int) throws -> [Float] {
    try check()
    var random = RandomStream(seed: seed, purpose: .augmentation).sequence(item: index)
    let length = channels * imageSize * imageSize
    return try [Float](unsafeUninitializedCapacity: length) { buffer, count in
      try Augmenter(self).write(content, &random, to: buffer.baseAddress!)
      count = length
    }
  }

  /// The 8-bit image that numbers (C × H × W, normalized) stand for; values beyond black and white
  /// are cut off.
  ///
  /// - Throws: `LoaderError` for settings that cannot be used.
  package func image(of values: [Float]) throws -> Image {
    try check()
    let plane = imageSize * imageSize
    precondition(values.count == channels * plane, "\(values.count) values of an image")
    let pixels = (0..<channels * plane).map { position in
      let (pixel, channel) = (position / channels, position % channels)
      let value = values[channel * plane + pixel] * standardDeviation[channel] + mean[channel]
      return UInt8(min(max((255 * value).rounded(), 0), 255))
    }
    return Image(width: imageSize, height: imageSize, channels: channels, pixels: pixels)
  }
}
