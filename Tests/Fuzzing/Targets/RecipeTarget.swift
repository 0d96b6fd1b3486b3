import Training

extension FuzzTarget {
  /// Recipes: the text as a file, as another version's file, and line by line as `--set`.
  static func recipe(in folder: String) -> FuzzTarget {
    let path = "\(folder)/input.yaml"
    let seeds = [
      Recipe.digits.yaml,
      "method: tetrajet+qema\noptimizer:\n  learning_rate: 0.002\nmodel:\n  depth: 8\n",
      "{method: microscaling, model: {preset: deit_tiny_patch16_224}, data: {path: x}, seed: 3}",
      "data:\n  path: x\n  mean: [0.5, 0.5, 0.5]\n  standard_deviation:\n  - 1\n  - 2.5\n  - 3e-2\n",
      "model:\n  architecture: swin\n  stage_depths: [2, 2]\n  stage_heads: [2, 4]\n  width: 8\n",
      "quantizers:\n  q5:\n    enabled: false\n  q3: {rounding: nearest-even}\n",
      "# * a - comment: [,\ndata: {path: \"my *best* 'photos'\"} # it's\nseed: 3\ntraining: ~\n",
      "data:\n  path: |-\n    *a # b\nmodel:\n  # depth: 3\n",
      "# a comment\nseed: &a 7\ntraining: {epochs: 8, batch_size: '12'}\n",
      "data:\n  path: >-\n    a folder\n    of images\n",
      "data: {path: \"\\u00e9\\n\\0\"}\n", "optimizer.learning_rate=0.002\nmodel.depth = 8",
      "schedule.warmup_epochs=1\ndata.path=x\ndata.mean=[0.1, 0.2, 0.3]\nmethod=fp32",
    ].map { Array($0.utf8) }
    return FuzzTarget(
      name: "recipes", seeds: seeds, tokens: recipeTokens, path: path, tables: 1 << 20
    ) { bytes in
      let lines = String(decoding: bytes.prefix(4096), as: UTF8.self).split(separator: "\n")
      var settings: [RecipeSetting] = []
      for line in lines.prefix(8) where line.contains("=") {
        try tolerating { settings.append(try RecipeSetting(assignment: String(line))) }
      }
      if !settings.isEmpty, try tolerating({ _ = try Recipe(settings: settings) }) { return }
      try tolerating {
        let settings = try RecipeSetting.read(path, allowsUnknownSections: true)
        _ = settings.map(\.text)
      }
      let recipe = try Recipe(settings: RecipeSetting.read(path))
      let again = try Recipe(settings: RecipeSetting.parse(yaml: recipe.yaml, path: "again"))
      if again != recipe { throw UnexpectedError(description: "reads back as another recipe") }
    }
  }

  private static let recipeTokens =
    RecipeKey.all.flatMap { [$0.name, $0.name.split(separator: ".").last.map(String.init) ?? ""] }
    + [
      "\n", "  ", "\t", ": ", "- ", "[", "]", "{", "}", ",", "&a ", "*a", "<<: ", "? ", "!!int ",
      "!!binary ", "!!set", "---\n", "...\n", "'", "\"", " #", "# '\n", "''", "\\\"", "\u{E000}",
      "\u{2028}'", "\\u0000", "\\U0010FFFF", "|\n", ">-\n",
      "%YAML 1.1\n", "%TAG ! !\n", "\u{FEFF}", "\u{85}", "\u{2028}", "\0", "nan", "inf", "-0",
      "0x10", "true", "~", "base: ", "input.yaml", "rand-m9-mstd0.5-inc1", "rand-m99-n99", "3a",
      "model.preset=",
      String(repeating: "[", count: 1200), String(repeating: "- ", count: 600),
      String(repeating: "{a: ", count: 500), String(repeating: "? ", count: 400),
      "a: &b [*a,*a,*a,*a,*a,*a,*a]\n",
    ]
}
