import ImageData

extension RecipeKey {
  /// `augmentation.*`: what is done at random to the images of training.
  static let augmentationKeys: [RecipeKey] = [
    .choice(
      "augmentation.crop", \.data.augmentation.crop,
      "padded: a window on the padded image, for small images; resized: RandomResizedCrop"),
    range(
      "augmentation.scale", \.data.augmentation.scale, 0.0001...1,
      "resized: share of the area that a crop shows"),
    range(
      "augmentation.ratio", \.data.augmentation.ratio, 0.01...100,
      "resized: a crop's width by its height"),
    RecipeKey(
      name: "augmentation.policy", meaning: "operations drawn for each image",
      expected: AugmentationPolicy.expected,
      read: { recipe, words in
        guard let policy = words.count == 1 ? AugmentationPolicy(words[0]) : nil else { return nil }
        recipe.data.augmentation.policy = policy
        return ()
      }, write: { $0.data.augmentation.policy.text }),
    .number(
      "augmentation.color_jitter", \.data.augmentation.colorJitter, 0...8,
      "largest relative change of brightness, contrast, saturation"),
    .number(
      "augmentation.erasing_probability", \.data.augmentation.erasingProbability, 0...1,
      "how often a rectangle is replaced by noise"),
    .integer(
      "augmentation.repeats", \.data.augmentation.repeats, 1...1000,
      "how often an image comes in an epoch, which has so many fewer different ones"),
    .number(
      "augmentation.mixup", \.data.augmentation.mixing.mixup, 0...100,
      "alpha of mixup; 0 for none"),
    .number(
      "augmentation.cutmix", \.data.augmentation.mixing.cutmix, 0...100,
      "alpha of CutMix; 0 for none"),
    .number(
      "augmentation.mixing_probability", \.data.augmentation.mixing.probability, 0...1,
      "how often a batch is mixed, where mixup or cutmix is on"),
    .number(
      "augmentation.switch_probability", \.data.augmentation.mixing.switchProbability, 0...1,
      "how often CutMix is taken, where both are on"),
  ]

  private static func range(
    _ name: String, _ path: WritableKeyPath<Recipe, ClosedRange<Double>> & Sendable,
    _ limits: ClosedRange<Double>, _ meaning: String
  ) -> RecipeKey {
    RecipeKey(
      name: name, meaning: meaning,
      expected: "two numbers from \(limits.lowerBound) to \(limits.upperBound), the smaller first, "
        + "as in [\(Recipe()[keyPath: path].lowerBound), 1]",
      read: { recipe, words in
        let values = words.compactMap(Double.init).filter(limits.contains)
        guard words.count == 2, values.count == 2, values[0] <= values[1] else { return nil }
        recipe[keyPath: path] = values[0]...values[1]
        return ()
      },
      write: { "[\($0[keyPath: path].lowerBound), \($0[keyPath: path].upperBound)]" })
  }
}
