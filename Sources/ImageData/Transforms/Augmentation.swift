/// What is done at random to the images of training, in the order in which it is done: crop, flip, policy, colour
/// jitter; once pixels are numbers, erasing; then the batch is mixed.
///
/// Names and defaults are those of timm and torchvision, whose transforms DeiT's recipe uses (Touvron et al. 2021, Table
/// 9). Every draw is a function of (seed, epoch, image) alone.
package struct Augmentation: Sendable, Equatable {
  /// Which part of an image is shown.
  package enum Crop: String, Sendable, CaseIterable {
    /// The image fitted as in evaluation, with `cropPadding` black pixels on each side, and of that a window: for
    /// small images.
    case padded
    /// RandomResizedCrop: a part of random area and ratio, resized.
    case resized
  }

  /// Which part of an image is shown.
  package var crop = Crop.padded
  /// `padded`: pixels added on each side; 0 for no crop.
  package var cropPadding = 0
  /// `resized`: the part's share of the image's area, within 0…1.
  package var scale: ClosedRange<Double> = 0.08...1
  /// `resized`: the part's width by its height.
  package var ratio: ClosedRange<Double> = 0.75...4 / 3.0
  /// How likely an image is mirrored left to right.
  package var flipProbability: Float = 0
  /// Operations that are drawn for each image.
  package var policy = AugmentationPolicy.none
  /// The largest relative change of brightness, contrast and saturation; 0 for none.
  package var colorJitter = 0.0
  /// How likely a rectangle is replaced by noise.
  package var erasingProbability = 0.0
  /// How often each image comes in an epoch, which has as many fewer different ones (Hoffer et al. 2020; Berman et al.
  /// 2019): the repeats lie in one batch, each augmented anew.
  package var repeats = 1
  /// How the images of a batch are mixed in pairs.
  package var mixing = Mixing()

  /// No augmentation.
  package init() {}

  /// Whether the 8-bit image is changed after crop and flip.
  var changesPixels: Bool { policy != .none || colorJitter > 0 }
}
