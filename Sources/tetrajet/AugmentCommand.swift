import ArgumentParser
import ImageData
import Training

struct AugmentCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "augment",
    abstract: "Show what augmentation does to an image.",
    discussion: """
      Writes a PNG file: a sheet of training samples as the recipe's augmentation.* and data.* keys \
      make them (without mixup and CutMix, which are done to whole batches); with --operation, the \
      whole image after just these operations; with --evaluation, the image as evaluation shows it.

        tetrajet augment photo.jpg sheet.png --set augmentation.crop=resized \\
          --set augmentation.policy=rand-m9-mstd0.5-inc1 --count 25
        tetrajet augment photo.jpg turned.png --operation Rotate=30 --operation Equalize
        tetrajet augment photo.jpg seen.png --evaluation --size 224 --set data.crop_ratio=0.875

      Operations: \(ImageOperation.usage).
      """)

  @Argument(help: "An image file.")
  var image: String

  @Argument(help: "The PNG file to write ('-' for standard output).")
  var output: String

  @Option(help: "Apply an operation, NAME or NAME=VALUE. May be repeated; done in order.")
  var operation: [String] = []

  @Flag(help: "Show the image as evaluation does.")
  var evaluation = false

  @Option(help: "Pixels a side of a sample.")
  var size = 224

  @Option(help: "Set a recipe key: key.path=value. May be repeated.")
  var set: [String] = []

  @Option(help: "How many samples to show.")
  var count = 16

  @Option(help: "The seed of the samples.")
  var seed: UInt64 = 0

  @OptionGroup var outputs: OutputOption

  func validate() throws {
    if evaluation, !operation.isEmpty {
      throw ValidationError("--operation and --evaluation do not go together")
    }
    guard (1...1024).contains(count) else {
      throw ValidationError("--count is \(count); it must be from 1 to 1024")
    }
    guard (1...8192).contains(size) else {
      throw ValidationError("--size is \(size); it must be from 1 to 8192")
    }
    _ = try operations()
  }

  func run() throws {
    let output = try outputs.file(output, inputs: [image])
    // The defaults of images of one's own, not of the digits.
    let folder = RecipeSetting("data.path", ".", flag: "--data")
    let recipe = try Recipe(settings: [folder] + set.map { try RecipeSetting(assignment: $0) })
    let sheet = try AugmentationSheet(image, recipe: recipe, size: size)
    let result =
      if !operation.isEmpty {
        try sheet.applying(operations())
      } else if evaluation {
        try sheet.evaluation()
      } else {
        try sheet.samples(count: count, seed: seed)
      }
    try writePNG(result, to: output)
  }

  private func operations() throws -> [ImageOperation] {
    try operation.map { text in
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let argument = parts.count == 2 ? Double(parts[1]) : nil
      guard parts.count == 1 || argument != nil,
        let operation = ImageOperation(name: String(parts[0]), argument: argument)
      else {
        throw ValidationError(
          "--operation \(text): it must be one of \(ImageOperation.usage), the values in range")
      }
      return operation
    }
  }
}
