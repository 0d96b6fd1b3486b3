import ArgumentParser
import Files
import Foundation
import ImageData
import Training

struct AugmentCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "augment",
    abstract: "Show what augmentation does to an image.",
    discussion: """
      Writes a PNG file: a sheet of training samples as the recipe's augmentation.* and data.* keys \
      make them (without mixup and CutMix, which are done to whole batches); with --operation, the \
      whole image after just these operations; with --evaluation, the image as evaluation shows it. \
      After a run, the keys are those of its recipe, and samples as large as its model sees them.

        tetrajet augment runs/first photo.jpg
        tetrajet augment photo.jpg sheet.png --set augmentation.crop=resized \\
          --set augmentation.policy=rand-m9-mstd0.5-inc1 --count 25
        tetrajet augment photo.jpg turned.png --operation Rotate=30 --operation Equalize
        tetrajet augment photo.jpg seen.png --evaluation --size 224 --set data.crop_ratio=0.875

      Operations: \(ImageOperation.usage).
      """)

  @Argument(
    help: ArgumentHelp(
      "A run folder or a recipe whose settings are shown (may be left out), an image, and the PNG file to write ('-' for standard output; after a run by default IMAGE-augmented.png here).",
      valueName: "paths"))
  var paths: [String]

  @Option(help: "Apply an operation, NAME or NAME=VALUE. May be repeated; done in order.")
  var operation: [String] = []

  @Flag(help: "Show the image as evaluation does.")
  var evaluation = false

  @Option(
    name: [.long, .customLong("image-size")],
    help: ArgumentHelp(
      "Pixels a side of a sample. (default: the run's, or 224)", valueName: "n"))
  var size: Int?

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
    if let size, !(1...8192).contains(size) {
      throw ValidationError("--size is \(size); it must be from 1 to 8192")
    }
    guard (hasSource ? 2...3 : 2...2).contains(paths.count) else {
      throw ValidationError(
        "found \(paths.count) paths; expected IMAGE OUTPUT.png, or RUN IMAGE, or RUN IMAGE OUTPUT.png"
      )
    }
    _ = try operations()
  }

  func run() throws {
    let image = paths[hasSource ? 1 : 0]
    let path = paths.count > (hasSource ? 2 : 1) ? paths[paths.count - 1] : Self.sheetName(image)
    guard FileManager.default.fileExists(atPath: image) else {
      throw FileError("read", image, code: ENOENT)
    }
    let output = try outputs.file(path, inputs: [image])
    let recipe = try recipe()
    let sheet = try AugmentationSheet(
      image, recipe: recipe, size: size ?? (hasSource ? recipe.model.imageSize : 224))
    let result =
      if !operation.isEmpty {
        try sheet.applying(operations())
      } else if evaluation {
        try sheet.evaluation()
      } else {
        try sheet.samples(count: count, seed: seed)
      }
    try writePNG(result, to: output)
    if paths.count == 2, hasSource { writeError("written to \(path)\n") }
  }

  /// Whether the first path is where settings come from: a folder, which is no image, or a recipe.
  private var hasSource: Bool {
    guard let path = paths.first else { return false }
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    return exists && isFolder.boolValue || [".yaml", ".yml"].contains { path.hasSuffix($0) }
  }

  private func recipe() throws -> Recipe {
    var settings: [RecipeSetting]
    if hasSource {
      settings = try RunDirectory.recipeSettings(of: paths[0])
    } else {
      // The defaults of images of one's own, not of the digits.
      settings = [RecipeSetting("data.path", ".", flag: "--data")]
    }
    settings += try set.map { try RecipeSetting(assignment: $0) }
    return try Recipe(settings: settings)
  }

  /// The sheet of an image where no name is given: in the folder that the command is called in.
  private static func sheetName(_ image: String) -> String {
    URL(fileURLWithPath: image).deletingPathExtension().lastPathComponent + "-augmented.png"
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
