import Files
import TestSupport
import Testing

/// Runs to be exported, and the command that does it.
enum Exports {
  /// A run of an epoch, and its codes as `quantize` writes them.
  static func withRun(
    _ method: String = "tetrajet+qema", _ settings: [String] = [],
    _ body: (_ folder: String, _ run: String, _ codes: SafetensorsFile) throws -> Void
  ) throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      let trained = try tetrajet(
        ["train", "--epochs", "1", "--output", run, "--method", method]
          + settings.flatMap { ["--set", $0] })
      try #require(trained.status == 0, "\(trained.errors)")
      let quantized = try tetrajet("quantize", run, "\(folder)/packed")
      try #require(quantized.status == 0, "\(quantized.errors)")
      try body(folder, run, try SafetensorsFile(path: "\(folder)/packed"))
    }
  }

  static let swin = [
    "model.architecture=swin", "model.image_size=32", "model.patch_size=4", "model.width=32",
    "model.stage_depths=[1,1]", "model.stage_heads=[1,2]", "model.window_size=4",
  ]

  static func export(_ run: String, _ output: String, _ arguments: String...) throws {
    let result = try tetrajet(["export", run, output, "--layout"] + arguments)
    #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
  }
}
