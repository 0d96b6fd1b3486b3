import Files
import ImageData
import VisionModels

/// Which model and image size suit images of some size. A proposal: nothing is ever changed by it.
package struct ModelAdvice: Sendable {
  /// What the images show: the shorter side of most.
  package struct Images: Sendable {
    let shorterSide, count: Int

    /// - Parameters:
    ///   - shorterSide: the median of the shorter sides, in pixels.
    ///   - count: how many there are to train on.
    package init(shorterSide: Int, count: Int) {
      (self.shorterSide, self.count) = (shorterSide, count)
    }
  }

  /// Below so many images a model that was trained on others goes much further than one from nothing.
  private static let few = 10_000

  /// The settings that suit images, as `train` takes them; empty for the defaults, 32 × 32 pixels.
  package static func settings(for images: Images) -> String {
    switch images.shorterSide {
    case ..<24: "--set model.image_size=16 --set model.patch_size=4"
    case ..<56: ""
    case ..<112: "--set model.image_size=64"
    case ..<176: "--set model.image_size=128 --set model.patch_size=16"
    default:
      "--set model.preset=deit_tiny_patch16_224 --set augmentation.crop=resized "
        + "--set training.batch_size=32"
    }
  }

  /// Advice for a survey, a line each.
  package static func lines(for images: Images) -> [String] {
    let settings = settings(for: images)
    var lines = [
      "a model that suits images of about \(images.shorterSide) pixels, for 'tetrajet train':",
      settings.isEmpty ? "  the defaults (32 x 32 pixels in patches of 8)" : "  \(settings)",
    ]
    if images.shorterSide >= 176, images.count < few {
      lines.append(
        "  or, with only \(counted(images.count, "image")), start from pretrained weights: "
          + "Recipes/finetune_deit_tiny.yaml --init deit_tiny.safetensors")
    }
    return lines
  }

  /// What is to be said at the start of a training: the model's image size against the images', and a proposal where
  /// photographs are trained at the default size because nobody has named another.
  let startLines: [String]

  init(_ recipe: Recipe, _ data: ImageDatasets) {
    guard let files = data.train.medianFileSize else {
      startLines = []
      return
    }
    let model = recipe.model
    let size = model.imageSize
    var line =
      "the model sees \(size) x \(size) pixels in patches of \(model.patchSize); the training images are "
      + "\(files.width) x \(files.height) (median)"
    let images = Images(
      shorterSide: min(files.width, files.height), count: data.train.count)
    let settings = Self.settings(for: images)
    let isDefault = size == Recipe().model.imageSize && model.patchSize == Recipe().model.patchSize
    if isDefault, !settings.isEmpty, images.shorterSide >= 2 * size {
      line += ", far more than it sees: consider \(settings)"
      if images.shorterSide >= 176, images.count < Self.few {
        line += ", or pretrained weights (Recipes/finetune_deit_tiny.yaml --init FILE)"
      }
    }
    startLines = [line]
  }
}
