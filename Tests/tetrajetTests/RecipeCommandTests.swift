import Foundation
import TestSupport
import Testing
import Training

@Suite("Recipes on the command line")
struct RecipeCommandTests {
  /// What `--print-recipe` resolves, and what is said of it.
  private func resolved(
    _ yaml: String, _ arguments: String..., at name: String = "my.yaml"
  ) throws -> (recipe: Recipe, said: String) {
    try withTemporaryFolder { folder in
      try Data(yaml.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
      let result = try tetrajet(["train", "\(folder)/\(name)", "--print-recipe"] + arguments)
      try #require(result.status == 0, "\(result.errors)")
      let settings = try RecipeSetting.parse(yaml: result.output, path: "printed")
      return (try Recipe(settings: settings), result.errors)
    }
  }

  private func refusal(_ yaml: String) throws -> String {
    try withTemporaryFolder { folder in
      try Data(yaml.utf8).write(to: URL(fileURLWithPath: "\(folder)/my.yaml"))
      let result = try tetrajet("train", "\(folder)/my.yaml", "--output", "\(folder)/run")
      #expect(result.status == 64 && !FileManager.default.fileExists(atPath: "\(folder)/run"))
      #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
      return result.errors
    }
  }

  @Test("--print-recipe prints every key and does nothing else")
  func printRecipe() throws {
    try withTemporaryFolder { folder in
      let result = try tetrajet(
        "train", "--print-recipe", "--output", "\(folder)/run", "--lr", "0.5", "--epochs", "3",
        "--batch-size", "7", "--image-size", "16", "--data",
        "\(folder)/none")
      #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
      let recipe = try Recipe(
        settings: RecipeSetting.parse(yaml: result.output, path: "printed"))
      #expect(result.output == recipe.yaml)
      #expect(recipe.optimizer.learningRate == 0.5 && recipe.training.epochs == 3)
      #expect(recipe.training.batchSize == 7 && recipe.model.imageSize == 16)
    }
  }

  @Test("a preset replaces what it defines, keeps the rest of the file, and says both")
  func preset() throws {
    let yaml = """
      data: {path: photos}
      model: {image_size: 64, drop_path: 0.2, norm_epsilon: 0.001, depth: 4, heads: 3}
      """
    for flag in [
      ["--model", "deit_tiny_patch16_224"], ["--set", "model.preset=deit_tiny_patch16_224"],
    ] {
      let (recipe, said) = try resolved(yaml, flag[0], flag[1])
      #expect(recipe.model.dropPath == 0.2 && recipe.model.normEpsilon == 0.001)
      #expect(recipe.model.imageSize == 64 && recipe.model.depth == 12 && recipe.model.width == 192)
      #expect(
        said.contains(
          "\(flag.joined(separator: " ")) replaces what the recipe says: model.depth 4 → 12"),
        "\(said)")
      #expect(said.contains("model.image_size stays 64 (the preset's own is 224)"), "\(said)")
      // Three heads are the preset's, too, and the width was not the file's.
      #expect(!said.contains("model.heads") && !said.contains("model.width"), "\(said)")
      #expect(said.split(separator: "\n").count == 1)
    }
    let (_, said) = try resolved("seed: 1", "--model", "deit_tiny_patch16_224", "--data", "photos")
    #expect(said.isEmpty, "\(said)")
  }

  @Test("a method replaces quantizers that the file had chosen, and says so")
  func method() throws {
    let chosen = "method: tetrajet\nquantizers: {q1: {scale: even}, q2: {scale: floor}}"
    let (recipe, said) = try resolved(chosen, "--method", "microscaling")
    #expect(recipe.linear == Method.microscaling.linearRecipe)
    #expect(
      said
        == "--method microscaling replaces what the recipe says: quantizers.q1.scale even → floor\n"
    )
    // A whole recipe names the quantizers of its method: these were not chosen.
    let whole = try resolved(Recipe.digits.yaml, "--method", "fp32")
    #expect(whole.recipe.linear == .fp32 && whole.said.isEmpty, "\(whole.said)")
  }

  @Test(
    "a flag that changes nothing says so, with what it would take",
    arguments: [
      (
        "fp32", "quantizers.q1.format=e2m3", "q1 is off (quantizers.q1.enabled=true switches it on)"
      ),
      (
        "int4-xi", "quantizers.q2.scale=floor",
        "int4-xi has steps of its own in place of quantizers"
      ),
      ("tetrajet", "qema.beta=0.99", "the method tetrajet is without qema"),
      ("tetrajet", "outcontrol.format=e2m3", "outcontrol.share is 0"),
      ("tetrajet", "quantizers.mean_decay=0.5", "quantizers.mean_split names no layer"),
      ("tetrajet", "quantizers.hadamard_size=16", "quantizers.hadamard names no product"),
    ])
  func idleFlag(method: String, assignment: String, reason: String) throws {
    let (_, said) = try resolved("method: \(method)", "--set", assignment)
    #expect(said == "--set \(assignment) changes nothing: \(reason)\n")
  }

  @Test(
    "a flag that counts says nothing, nor does a file that names every key",
    arguments: [
      ("fp32", ["quantizers.q1.enabled=true", "quantizers.q1.format=e2m3"]),
      ("fp32", ["quantizers.q1.enabled=true", "quantizers.q6.reads_quantized=true"]),
      ("tetrajet+qema", ["qema.beta=0.99"]), ("tetrajet+osmq", ["qema.beta=0.99"]),
      ("tetrajet", ["outcontrol.share=0.1", "outcontrol.format=e2m3"]),
      ("tetrajet", ["qema.beta=null"]),
    ])
  func countingFlag(method: String, assignments: [String]) throws {
    var recipe = Recipe.digits
    recipe.method = try #require(Method(rawValue: method))
    recipe.linear = recipe.method.linearRecipe
    let flags = assignments.flatMap { ["--set", $0] }
    let said = try withTemporaryFolder { folder in
      let file = "\(folder)/all.yaml"
      try Data(recipe.yaml.utf8).write(to: URL(fileURLWithPath: file))
      return try tetrajet(["train", file, "--print-recipe"] + flags).errors
    }
    #expect(said.isEmpty, "\(said)")
  }

  @Test(
    "stars, dashes and commas may stand in comments and strings",
    arguments: [
      "# * first try\n# * second try\nmethod: fp32",
      "method: fp32\ntraining:\n  batch_size: 32 # 8 * 4",
      "#" + String(repeating: "-,:[{", count: 3000) + "\nmethod: fp32",
      "method: fp32 # [[[" + String(repeating: "[", count: 100),
      "# &a *a\n--- # *b\nmethod: 'fp32'", "method: >-\n  fp32\n", "\u{FEFF}method: \"fp32\"\r\n",
      "{method: fp32, data: {path: \"my *best* photos, *really*\"}}",
      "method: fp32\ndata:\n  path: |-\n    *not an alias\n",
    ])
  func stars(yaml: String) throws { #expect(try resolved(yaml).recipe.method == .fp32) }

  @Test(
    "null, ~ and nothing leave the default, and True is true",
    arguments: [
      "fine_tuning:\n  init: null", "fine_tuning:\n  init: ~\n  layer_decay:",
      "training:\n  # epochs: 5\n",
      "training:\nmodel: ~\ndata: {}\nseed: Null", "---\n", "~", "# nothing\n",
      "model: {preset: null}",
    ])
  func nothing(yaml: String) throws { #expect(try resolved(yaml).recipe == .digits) }

  @Test("words in quotes are words, True is true, and --set key=null asks for the default")
  func words() throws {
    #expect(try resolved("data: {path: 'null'}").recipe.data.path == "null")
    #expect(try resolved("seed: 3", "--set", "fine_tuning.init=null").recipe.seed == 3)
    for word in ["true", "True", "TRUE"] {
      #expect(try resolved("training:\n  tensorboard: \(word)").recipe.training.tensorboard)
    }
    let set = try resolved("training: {epochs: 7}\nseed: 4", "--set", "training.epochs=null").recipe
    #expect(set.training.epochs == Recipe.digits.training.epochs && set.seed == 4)
  }

  @Test(
    "faults are told in the reader's words, with the line",
    arguments: [
      (
        "training:\n\tepochs: 1\n",
        ["my.yaml:2: not a recipe", "found character that cannot start any token", "tab"]
      ),
      ("seed: 1\ntraining: {epochs: 1\n", ["while parsing a flow mapping", "line 2", "'}'"]),
      (
        "training:\n  epochs: 1\nseed: 2\nseed: 3\n",
        ["my.yaml:4:", "'seed' is given twice", "line 3"]
      ),
      ("a: *b", ["my.yaml:1:", "aliases"]),
      ("seed: 1\nmethod: *fp32\n", ["my.yaml:2:", "aliases"]),
      ("? *b\n: 1", ["aliases"]), ("data:\n  mean: [1, *b]", ["my.yaml:2", "aliases"]),
      ("data: {mean: [\"*b\"]}", ["data.mean is '*b'"]),
      ("seed: 1\nnonsense:\n", ["my.yaml:2: unknown key 'nonsense'"]),
      ("seed: 1\nmethod: \u{1}\n", ["my.yaml:2:", "control characters", "U+1"]),
    ])
  func messages(yaml: String, words: [String]) throws {
    let said = try refusal(yaml)
    for word in words { #expect(said.contains(word), "'\(word)' in: \(said)") }
  }

  @Test("a run can be evaluated and resumed whatever its data folder is called")
  func names() throws {
    try withTemporaryFolder { folder in
      let names = [
        "my *best* photos", "фото 日本 🙂", "it's \"quoted\" # not a comment, {a: [b]}",
        "a\nb\tc\u{85}d\u{2028}e\u{7F}", "null", "- *x: &y !z |", "\u{FEFF}mark",
      ]
      for (index, name) in names.enumerated() {
        let data = "\(folder)/\(name)"
        for path in ["train/a", "train/b", "test/a", "test/b"] {
          try FileManager.default.createDirectory(
            atPath: "\(data)/\(path)", withIntermediateDirectories: true)
          try ModelCommandTests.onePixel.write(to: URL(fileURLWithPath: "\(data)/\(path)/1.png"))
        }
        let run = "\(folder)/run\(index)"
        let trained = try tetrajet(
          [
            "train", "--data", data, "--epochs", "1", "--output", run, "--image-size", "8",
            "--method",
            "fp32", "--set", "model.depth=1", "--set", "data.crop_padding=0", "--set",
            "statistics.enabled=false",
          ])
        #expect(trained.status == 0, "\(trained.errors)")
        let recipe = try Recipe(settings: RecipeSetting.read("\(run)/recipe.yaml"))
        #expect(recipe.data.path == data)
        let eval = try tetrajet("eval", run)
        #expect(eval.status == 0, "\(name): \(eval.errors)")
        let resumed = try tetrajet("train", "--resume", run)
        #expect(resumed.status == 0, "\(name): \(resumed.errors)")
      }
    }
  }
}
