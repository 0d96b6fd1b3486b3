import Files
import Foundation
import TestSupport
import Testing
import Training

@Suite("Recipes that build on others")
struct RecipeBaseCommandTests {
  /// A folder with some recipes, by their paths in it.
  private func withRecipes<Result>(
    _ files: [String: String], _ body: (String) throws -> Result
  ) throws -> Result {
    try withTemporaryFolder { folder in
      for (name, text) in files {
        let path = URL(fileURLWithPath: "\(folder)/\(name)")
        try FileManager.default.createDirectory(
          at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: path)
      }
      return try body(folder)
    }
  }

  /// What `--print-recipe` prints of one of some recipes, and what is said of it.
  private func resolved(
    _ files: [String: String], _ arguments: String..., of name: String = "mine.yaml"
  ) throws -> (recipe: Recipe, said: String) {
    try withRecipes(files) { folder in
      let result = try tetrajet(["train", "\(folder)/\(name)", "--print-recipe"] + arguments)
      try #require(result.status == 0, "\(result.errors)")
      #expect(!result.output.contains("base:"))
      let settings = try RecipeSetting.parse(yaml: result.output, path: "printed")
      return (try Recipe(settings: settings), result.errors)
    }
  }

  @Test("a recipe's keys win over its base's one by one, and null gives the default back")
  func keys() throws {
    let (recipe, said) = try resolved([
      "mine.yaml":
        "optimizer: {learning_rate: 0.5}\nbase: base.yaml\ndata: {crop_padding: ~}\ntraining:\n",
      "base.yaml": """
      data: {path: photos, crop_padding: 7, flip_probability: 0.25}
      optimizer: {learning_rate: 0.1, beta1: 0.8}
      training: {epochs: 3}
      """,
    ])
    #expect(said.isEmpty, "\(said)")
    #expect(recipe.data.path == "photos" && recipe.data.augmentation.flipProbability == 0.25)
    #expect(recipe.optimizer.learningRate == 0.5 && recipe.optimizer.beta1 == 0.8)
    #expect(recipe.data.augmentation.cropPadding == Recipe().data.augmentation.cropPadding)
    // A section without keys says nothing.
    #expect(recipe.training.epochs == 3)
  }

  @Test("a method takes the place of the base's quantizers, a preset that of its shape")
  func definitions() throws {
    let base = """
      method: microscaling
      data: {path: photos}
      model: {width: 96, depth: 4, heads: 3, image_size: 64, drop_path: 0.2}
      quantizers: {q1: {scale: even}, q3: {enabled: false}}
      """
    let plain = try resolved(["mine.yaml": "base: base.yaml\nseed: 4", "base.yaml": base]).recipe
    #expect(plain.linear[.q1]?.scaleRule == .even && plain.linear[.q3] == nil && plain.seed == 4)
    let (method, said) = try resolved([
      "mine.yaml": "base: base.yaml\nmethod: tetrajet\nquantizers: {q2: {scale: floor}}",
      "base.yaml": base,
    ])
    var expected = Method.tetrajet.linearRecipe
    expected[.q2]?.scaleRule = .floor
    #expect(method.linear == expected && said.isEmpty, "\(said)")
    let preset = try resolved([
      "mine.yaml": "base: base.yaml\nmodel: {preset: deit_tiny_patch16_224}", "base.yaml": base,
    ]).recipe.model
    #expect(preset.width == 192 && preset.depth == 12 && preset.heads == 3)
    #expect(preset.imageSize == 64 && preset.dropPath == 0.2)
  }

  @Test("a flag replaces what the whole chain of recipes says, and names it")
  func flags() throws {
    let (recipe, said) = try resolved(
      [
        "mine.yaml": "base: base.yaml\nseed: 1",
        "base.yaml": "method: tetrajet\nquantizers: {q1: {scale: even}}",
      ], "--method", "microscaling", "--seed", "2")
    #expect(recipe.linear == Method.microscaling.linearRecipe && recipe.seed == 2)
    #expect(said.contains("--method microscaling replaces what the recipe says: quantizers.q1"))
  }

  @Test("a base is looked for from the folder of the recipe that names it, through a chain of them")
  func chain() throws {
    let recipe = try resolved(
      [
        "own/deep/mine.yaml": "base: ../near.yaml\nseed: 1",
        "own/near.yaml": "base: 'others/far.yaml'\nseed: 2\ntraining: {epochs: 2, batch_size: 2}",
        "own/others/far.yaml": "seed: 3\ntraining: {epochs: 3, batch_size: 3, patience: 3}",
      ], of: "own/deep/mine.yaml"
    ).recipe
    #expect(recipe.seed == 1 && recipe.training.epochs == 2 && recipe.training.batchSize == 2)
    #expect(recipe.training.patience == 3)
  }

  @Test("a run's recipe is whole: it can be repeated, tried and resumed without the base")
  func run() throws {
    let files = [
      "mine.yaml": "base: base.yaml\ntraining: {epochs: 1}",
      "base.yaml": """
      method: fp32
      data: {path: digits}
      model: {depth: 1}
      training: {epochs: 9, batch_size: 300}
      statistics: {enabled: false}
      """,
    ]
    try withRecipes(files) { folder in
      let trial = try tetrajet("train", "\(folder)/mine.yaml", "--dry-run")
      #expect(trial.status == 0 && trial.output.contains("1 epoch of 5 steps"), "\(trial)")
      let trained = try tetrajet("train", "\(folder)/mine.yaml", "--output", "\(folder)/run")
      #expect(trained.status == 0, "\(trained.errors)")
      let written = text("\(folder)/run/recipe.yaml")
      let settings = try RecipeSetting.parse(yaml: written, path: "run")
      #expect(settings.count == RecipeKey.all.count && !written.contains("base"))
      try FileManager.default.removeItem(atPath: "\(folder)/base.yaml")
      let resumed = try tetrajet("train", "--resume", "\(folder)/run")
      #expect(resumed.status == 0, "\(resumed.errors)")
      let again = try tetrajet(
        "train", "\(folder)/run/recipe.yaml", "--output", "\(folder)/again")
      #expect(again.status == 0, "\(again.errors)")
      #expect(
        try readFile("\(folder)/run/last.safetensors")
          == readFile("\(folder)/again/last.safetensors"))
    }
  }

  @Test(
    "what is wrong is said in one line, with the place of the file that says it",
    arguments: [
      (["mine.yaml": "seed: 1\nbase: none.yaml"], ["mine.yaml:2: base is 'none.yaml'", "No such"]),
      (
        ["mine.yaml": "base: mine.yaml"],
        ["mine.yaml:1: base is 'mine.yaml'", "mine.yaml → ", "lead back"]
      ),
      (
        ["mine.yaml": "base: sub/b.yaml", "sub/b.yaml": "seed: 1\nbase: ../mine.yaml"],
        ["sub/b.yaml:2: base is '../mine.yaml'", "lead back", "mine.yaml → ", "sub/b.yaml → "]
      ),
      (["mine.yaml": "base: [a, b]"], ["mine.yaml:1: base is a list or section", "one recipe"]),
      (["mine.yaml": "base: {a: 1}"], ["mine.yaml:1: base is a list or section", "one recipe"]),
      (["mine.yaml": "base: ''"], ["mine.yaml:1: base is ''", "the path of a recipe"]),
      (["mine.yaml": "base: ."], ["mine.yaml:1: base is '.'", "path from the folder"]),
      (
        ["mine.yaml": "base: b.yaml", "b.yaml": "seed: 1\n\ntraining: {epochs: ten}"],
        ["b.yaml:3: training.epochs is 'ten'; it must be an integer"]
      ),
      (
        ["mine.yaml": "base: b.yaml", "b.yaml": "optimiser: {beta1: 0}"],
        ["b.yaml:1: unknown key 'optimiser'; did you mean 'optimizer'?"]
      ),
      (
        ["mine.yaml": "base: b.yaml", "b.yaml": "seed: [1"],
        ["b.yaml:2: not a recipe", "flow sequence"]
      ),
      (["mine.yaml": "bsae: b.yaml"], ["mine.yaml:1: unknown key 'bsae'; did you mean 'base'?"]),
      (["mine.yaml": "data: {base: b.yaml}"], ["unknown key 'data.base'"]),
    ])
  func faults(files: [String: String], words: [String]) throws {
    try withRecipes(files) { folder in
      let result = try tetrajet("train", "\(folder)/mine.yaml", "--output", "\(folder)/run")
      #expect(result.status == 64, "\(result)")
      #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
      for word in words { #expect(result.errors.contains(word), "'\(word)' in: \(result.errors)") }
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/run"))
    }
  }

  @Test("chains end somewhere, and links lead in no circle")
  func depth() throws {
    func files(_ count: Int) -> [String: String] {
      Dictionary(
        uniqueKeysWithValues: (0..<count).map {
          ("\($0).yaml", "base: \($0 + 1).yaml\nseed: \($0)")
        }
      ).merging(["\(count).yaml": "method: fp32"]) { $1 }
    }
    #expect(try resolved(files(15), of: "0.yaml").recipe.method == .fp32)
    try withRecipes(files(16)) { folder in
      let result = try tetrajet("train", "\(folder)/0.yaml", "--print-recipe")
      #expect(result.status == 64, "\(result)")
      #expect(result.errors.contains("15.yaml:1: base is '16.yaml'"), "\(result.errors)")
    }
    try withRecipes(["mine.yaml": "base: other.yaml"]) { folder in
      try FileManager.default.createSymbolicLink(
        atPath: "\(folder)/other.yaml", withDestinationPath: "mine.yaml")
      let result = try tetrajet("train", "\(folder)/mine.yaml", "--print-recipe")
      #expect(result.status == 64 && result.errors.contains("lead back"), "\(result)")
    }
  }

  @Test("only a file can build on another: not --set, nor a recipe that a checkpoint carries")
  func elsewhere() throws {
    let set = try tetrajet("train", "--set", "base=x.yaml", "--print-recipe")
    #expect(set.status == 64 && set.errors.contains("--set: base is 'x.yaml'"), "\(set)")
    #expect(set.errors.split(separator: "\n").count == 1, "\(set)")
    #expect(throws: RecipeError.self) {
      try RecipeSetting.parse(yaml: "base: /etc/passwd", path: "metadata")
    }
  }

  /// What the paper's Table 2 was trained by (its section 7.1 and Table 8).
  @Test(
    "the recipes of the paper's models say what is theirs",
    arguments: [
      ("deit_tiny", "deit_tiny_patch16_224", 0.1, 0.9983, 5.0, 5.0, 3),
      ("deit_small", "deit_small_patch16_224", 0.1, 0.9972, 5.0, 5.0, 3),
      ("deit_base", "deit_base_patch16_224", 0.1, 0.999, 5.0, 5.0, 3),
      ("swin_tiny", "swin_tiny_patch4_window7_224", 0.2, 0.9975, 3.0, 20.0, 1),
      ("swin_small", "swin_small_patch4_window7_224", 0.3, 0.998, 4.0, 20.0, 1),
    ])
  func shipped(
    model: String, preset: String, dropPath: Float, beta: Float, k2: Double, warmup: Float,
    repeats: Int
  ) throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../Recipes").standardized.path
    let methods = [
      "fp32": "fp32", "microscaling": "microscaling", "tetrajet": "tetrajet",
      "qema": "tetrajet+qema", "qramping": "tetrajet+qramping",
    ]
    for (name, method) in methods {
      let path = "\(folder)/\(model)_imagenet_\(name).yaml"
      let recipe = try Recipe(settings: RecipeSetting.read(path))
      #expect(recipe.method.rawValue == method && recipe.training.epochs == 90, "\(path)")
      #expect(recipe.linear == recipe.method.linearRecipe)
      let shape = try Recipe(
        settings: [
          RecipeSetting("data.path", "x", flag: "--data"),
          RecipeSetting("model.preset", preset, flag: "--model"),
        ]
      ).model
      var own = recipe.model
      (own.dropPath, own.classTokenDeviation) = (0, shape.classTokenDeviation)
      #expect(own == shape && recipe.model.dropPath == dropPath, "\(path)")
      #expect(recipe.remedies.qema.beta == beta, "\(path): \(recipe.remedies.qema.beta)")
      if name == "qramping" { #expect(Double(recipe.remedies.qramping.k2) == k2, "\(path)") }
      let isSwin = model.hasPrefix("swin")
      #expect(
        recipe.optimizer.clipGradientNorm == (isSwin && name != "qramping" ? 5 : 0), "\(path)")
      #expect(recipe.schedule.warmupEpochs == warmup && recipe.data.cropRatio == 0.875)
      #expect(recipe.data.augmentation.repeats == repeats, "\(path)")
      #expect(recipe.training.batchSize == (model == "deit_base" ? 512 : 1024))
      #expect(recipe.training.batchSize / recipe.training.microBatch == (isSwin ? 8 : 4))
      #expect(recipe.training.dropsLast && recipe.schedule.unit == (isSwin ? .step : .epoch))
      #expect(recipe.schedule.lagEpochs == (isSwin ? 0 : 1), "\(path)")
      #expect(recipe.model.classTokenDeviation == (isSwin ? 1e-6 : 0.02), "\(path)")
      #expect(recipe.optimizer.learningRate == (model == "deit_base" ? 2.5e-4 : 1e-3))
    }
  }
}
