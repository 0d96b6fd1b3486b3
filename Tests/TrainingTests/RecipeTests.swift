import Foundation
import TestSupport
import Testing
import Training
import VisionModels

@Suite("Recipes")
struct RecipeTests {
  static func recipe(_ yaml: String, _ assignments: String...) throws -> Recipe {
    try Recipe(
      settings: RecipeSetting.parse(yaml: yaml, path: "my.yaml")
        + assignments.map { try RecipeSetting(assignment: $0) })
  }

  static func message(_ yaml: String) -> String {
    do {
      _ = try recipe(yaml)
      return "accepted"
    } catch { return "\(error)" }
  }

  @Test("an empty recipe has the defaults of its data")
  func defaults() throws {
    #expect(try Self.recipe("") == .digits)
    #expect(try Self.recipe("data: {path: photos}").model == Recipe().model)
    #expect(try Self.recipe("data: {path: photos}").data.path == "photos")
  }

  @Test("a resolved recipe read back is the same recipe")
  func roundTrip() throws {
    let recipe = try Self.recipe(
      """
      method: microscaling
      data: {path: "a folder: with \\"quotes\\"", mean: [0.1, 0.2, 0.3]}
      model: {preset: deit_tiny_patch16_224, drop_path: 0.1}
      optimizer: {learning_rate: 3.3e-4}
      quantizers:
        mean_split: [fc2, proj]
        hadamard: [dx]
        exact_blocks: [12, 1]
        q3: {rounding: stochastic, format: e3m0, from: 0.25}
        q5: {enabled: false}
        q6: {reads_quantized: true, until: 0.8}
      """)
    #expect(recipe.model.width == 192 && recipe.model.dropPath == 0.1)
    #expect(recipe.linear[.q5] == nil && recipe.linear[.q3]?.format == .mxe3m0)
    #expect(recipe.linear.q6ReadsQuantized && !recipe.linear.q4ReadsQuantized)
    #expect(recipe.linear.meanSplit == [.proj, .fc2] && recipe.linear.rotatedProducts == [.dx])
    #expect(recipe.linear.exactBlocks == [1, 12])
    #expect(recipe.windows[.q3].from == 0.25 && recipe.windows[.q6].until == 0.8)
    #expect(try Self.recipe(recipe.yaml) == recipe)
    #expect(try Self.recipe(Recipe.digits.yaml) == .digits)
  }

  @Test("every key can be set, and every key is in the resolved recipe")
  func everyKey() throws {
    let yaml = Recipe.digits.yaml
    let settings = try RecipeSetting.parse(yaml: yaml, path: "r")
    #expect(settings.count == RecipeKey.all.count)
    #expect(Set(RecipeKey.all.map(\.name)).count == RecipeKey.all.count)
  }

  @Test("what the command line says outranks the file, and a method replaces the file's quantizers")
  func overrides() throws {
    let resolved = try Self.recipe("method: tetrajet").yaml
    let recipe = try Self.recipe(resolved, "method=fp32", "training.epochs=3", "data.mean=[0.5]")
    #expect(recipe.linear == .fp32 && recipe.training.epochs == 3 && recipe.data.mean == [0.5])
    let changed = try Self.recipe(resolved, "method=microscaling", "quantizers.q1.scale=even")
    #expect(changed.linear[.q1]?.scaleRule == .even && changed.linear[.q2]?.scaleRule == .floor)
  }

  @Test(
    "faults name the place, the key, what stands there and what it allows",
    arguments: [
      (
        "optimizer: {learning_rte: 1}",
        "my.yaml:1: unknown key 'optimizer.learning_rte'; did you mean 'optimizer.learning_rate'?"
      ),
      (
        "optimiser: {learning_rate: 1}",
        "my.yaml:1: unknown key 'optimiser'; did you mean 'optimizer'?"
      ),
      (
        "model:\n  zzzzzzzzzzzzz: 1",
        "my.yaml:2: unknown key 'model.zzzzzzzzzzzzz'; keys of model are"
      ),
      (
        "training: {epochs: ten}",
        "my.yaml:1: training.epochs is 'ten'; it must be an integer from 1"
      ),
      ("training: {epochs: 0}", "training.epochs is '0'; it must be an integer from 1"),
      ("training: {epochs: [1, 2]}", "training.epochs is [\"1\", \"2\"]; it must be an integer"),
      ("training: 5", "training is '5'; it must be a section with the keys"),
      ("seed: {a: 1}", "my.yaml:1: seed is a section; it must be an integer"),
      (
        "optimizer: {learning_rate: .nan}", "optimizer.learning_rate is '.nan'; it must be a number"
      ),
      (
        "method: tetrjet",
        "method is 'tetrjet'; it must be one of fp32, bf16, int4, int4-xi, nvidia-nvfp4"
      ),
      (
        "model: {width: 100, heads: 3}", "model.heads 3 does not divide model.width 100; try 2 or 4"
      ),
      (
        "model: {image_size: 30, patch_size: 4}",
        "model.patch_size 4 does not divide model.image_size 30; try 3 or 5"
      ),
      (
        "model: {preset: deit_big}",
        "model 'deit_big' is unknown; choose from deit_tiny_patch16_224"
      ),
      (
        "data: {mean: [0.5, 0.5]}",
        "data.mean is 2 numbers; it must be 1, one for each of model.channels"
      ),
      (
        "data: {crop_padding: 9}",
        "data.crop_padding is 9; it must be at most model.image_size, which is 8"
      ),
      (
        "quantizers: {q1: {rounding: ema}}",
        "quantizers.q1.rounding is ema; it must be nearest-even"
      ),
      ("method: tetrajet+qma", "method is 'tetrajet+qma'; it must be one of fp32"),
      ("method: tetrajet+qema+qema", "method is 'tetrajet+qema+qema'; it must be one of fp32"),
      ("method: fp32+qema", "method is 'fp32+qema'; it must be microscaling+qema or tetrajet+qema"),
      (
        "method: tetrajet+freeze+dampen",
        "method is 'tetrajet+dampen+freeze'; it must be one without dampen or freeze: freeze holds"
      ),
      (
        "method: tetrajet+oscireset+qramping",
        "it must be one without qramping or oscireset: both wait for the same weights"
      ),
      (
        "{method: tetrajet+dampen, quantizers: {q2: {enabled: false}}}",
        "quantizers.q2.enabled is false; it must be true: dampen calms quantized weights"
      ),
      (
        "{method: tetrajet+qema, quantizers: {q2: {rounding: nearest-even}}}",
        "quantizers.q2.rounding is nearest-even; it must be ema"
      ),
      (
        "{method: tetrajet+freeze, quantizers: {q2: {rounding: stochastic}}}",
        "quantizers.q2.rounding is stochastic; it must be nearest-even or nearest-away"
      ),
      (
        "quantizers: {mean_split: [fc2, fc3]}",
        "quantizers.mean_split is [\"fc2\", \"fc3\"]; it must be a list of some of qkv, proj, fc1, fc2"
      ),
      (
        "quantizers: {mean_split: [fc2], q1: {enabled: false}}",
        "quantizers.mean_split is [fc2]; it must be []: tetrajet quantizes no inputs here"
      ),
      (
        "quantizers: {hadamard: [y], q2: {enabled: false}}",
        "quantizers.hadamard is with y; it must be without y, or quantizers.q2.enabled true"
      ),
      (
        "{method: int4, quantizers: {hadamard: [dx]}}",
        "it must be without dx: int4 of q3 has one scale a tensor"
      ),
      (
        "{method: tetrajet+freeze, quantizers: {hadamard: [y]}}",
        "it must be without y: freeze follows weights one by one"
      ),
      (
        "quantizers: {q3: {format: nvfp4, scale: floor}}",
        "quantizers.q3.scale is floor; it must be one of truncation-free, even: nvfp4"
      ),
      (
        "quantizers: {q2: {format: e4m3}}",
        "quantizers.q2.format is e4m3; it must be one of e2m1, e3m0, int4, e2m3, nvfp4, nvfp4-1x128: weights"
      ),
      (
        "{method: tetrajet+freeze, quantizers: {q2: {format: nvfp4}}}",
        "it must be one of e2m1, e3m0, e2m3: freeze counts"
      ),
      (
        "quantizers: {q4: {square: true}}",
        "quantizers.q4.square is true; it must be false, or q4.format nvfp4"
      ),
      (
        "quantizers: {q1: {four_over_six: true}}",
        "quantizers.q1.four_over_six is true; it must be false, or q1.format nvfp4 or nvfp4-1x128 without squares"
      ),
      (
        "{method: nvidia-nvfp4, quantizers: {q2: {four_over_six: true}}}",
        "quantizers.q2.four_over_six is true; it must be false, or q2.format nvfp4 or nvfp4-1x128 without squares"
      ),
      (
        "outcontrol: {share: 2}",
        "outcontrol.share is '2'; it must be a number from 0 to 1"
      ),
      (
        "outcontrol: {share: 0.1, format: e2m1}",
        "outcontrol.format is 'e2m1'; it must be one of e2m3, e3m2, e4m3, e5m2"
      ),
      (
        "{method: tetrajet-v2, quantizers: {hadamard: [y]}}",
        "outcontrol.share is 0.1; it must be 0: quantizers.hadamard with y mixes channels"
      ),
      (
        "{outcontrol: {share: 0.1}, quantizers: {q1: {enabled: false}}}",
        "outcontrol.share is 0.1; it must be 0: quantizers.q1 is off"
      ),
      (
        "{outcontrol: {share: 0.1}, quantizers: {q6: {reads_quantized: false}}}",
        "it must be 0: quantizers.q6.reads_quantized is false"
      ),
      (
        "{outcontrol: {share: 0.1}, quantizers: {mean_split: [fc2]}}",
        "it must be 0: quantizers.mean_split is the other way"
      ),
      (
        "{method: tetrajet+osmq, outcontrol: {share: 0.1}}",
        "it must be 0: osmq counts with the groups of all channels"
      ),
      ("{method: int4-xi, outcontrol: {share: 0.1}}", "it must be 0: int4-xi has steps of its own"),
      (
        "quantizers: {hadamard_size: 20}",
        "quantizers.hadamard_size is '20'; it must be 16 or 32"
      ),
      (
        "quantizers: {exact_blocks: [2, 4]}",
        "quantizers.exact_blocks is 4; it must be at most 3, the blocks of the model"
      ),
      (
        "quantizers: {q1: {from: 0.5, until: 0.5}}",
        "quantizers.q1.until is 0.5; it must be more than quantizers.q1.from, which is 0.5"
      ),
      ("{qema: {beta: 1}}", "qema.beta is '1'; it must be a number from 0.0 to 0.999999"),
      (
        "{statistics: {interval: 20}}",
        "statistics.interval is 20; it must be 0, or at least statistics.window, which is 30"
      ),
      (
        "{oscireset: {period: 40}}",
        "oscireset.period is 40; it must be at least oscireset.window, which is 50"
      ),
      ("{statistics: {enabled: maybe}}", "statistics.enabled is 'maybe'; it must be true or false"),
      ("- a\n- b", "my.yaml: not a recipe: expected keys and values"),
      ("a: [1", "my.yaml:2: not a recipe: while parsing a flow sequence of line 1, did not find"),
      (
        "seed: 1\nseed: 2",
        "my.yaml:2: not a recipe: the key 'seed' is given twice, first in line"
      ),
    ])
  func faults(yaml: String, expected: String) {
    let message = Self.message(yaml)
    #expect(message.contains(expected) && !message.contains("\n"), "\(message)")
  }

  @Test("a method is quantizers and remedies, in any order, and sets Q2's rounding")
  func methods() throws {
    let recipe = try Self.recipe("method: tetrajet+oscireset+qema")
    #expect(recipe.method.rawValue == "tetrajet+qema+oscireset")
    #expect(recipe.method == Method(rawValue: "+oscireset+qema"))
    #expect(recipe.linear[.q2]?.rounding == .ema && recipe.linear[.q1]?.rounding == .nearestEven)
    let floor = try Self.recipe("method: microscaling+qema").linear[.q2]
    #expect(floor?.rounding == .ema && floor?.scaleRule == .floor)
    #expect(try Self.recipe(recipe.yaml) == recipe)
    for method in Method.allCases { #expect(Method(rawValue: method.rawValue) == method) }
  }

  @Test("the paper's models bring the beta that the paper tuned for them, unless it is set")
  func tunedBeta() throws {
    let beta = { try Self.recipe("data: {path: photos}\n" + $0).remedies.qema.beta }
    #expect(try beta("") == 0.998)
    #expect(try beta("model: {preset: deit_tiny_patch16_224}") == 0.9983)
    #expect(try beta("model: {preset: deit_small_patch16_224}") == 0.9972)
    #expect(try beta("model: {preset: swin_tiny_patch4_window7_224}") == 0.9975)
    #expect(try beta("model: {preset: swin_small_patch4_window7_224}") == 0.998)
    #expect(try beta("qema: {beta: 0.9}\nmodel: {preset: deit_base_patch16_224}") == 0.9)
  }

  @Test("the method bf16 rounds attention's operands, too, unless the recipe says otherwise")
  func bfloat16() throws {
    #expect(try Self.recipe("method: bf16").model.attention == .bf16)
    #expect(
      try Self.recipe("method: bf16\nmodel: {preset: deit_tiny_patch16_224}\ndata: {path: photos}")
        .model.attention == .bf16)
    #expect(try Self.recipe("model: {attention: fp32}\nmethod: bf16").model.attention == .fp32)
    #expect(try Self.recipe("method: tetrajet").model.attention == .fp32)
    // Another method takes it back, and leaves what was asked for.
    #expect(try Self.recipe("method: bf16", "method=tetrajet").model.attention == .fp32)
    #expect(
      try Self.recipe("method: tetrajet\nmodel: {attention: bf16}", "method=fp32").model.attention
        == .bf16)
    #expect(Self.message("method: bf16+qema").contains("bf16 quantizes no weights"))
    #expect(Self.message("method: int4+freeze").contains("int4 has one scale a tensor"))
    #expect(Self.message("method: int4-xi+freeze").contains("int4-xi has one scale a tensor"))
    #expect(
      Self.message("method: int4-xi\nquantizers: {q5: {enabled: true}}")
        .contains("int4-xi has steps of its own"))
    #expect(
      Self.message("method: tetrajet+dampen\nquantizers: {q2: {format: int4}}")
        .contains("e2m1, e3m0, e2m3, nvfp4, nvfp4-1x128: dampen counts with scales of groups"))
  }

  @Test("quantizers of several formats go together, and NVFP4 with remedies")
  func formats() {
    for quantizers in [
      "q1: {format: e2m3}", "q1: {format: e5m2, scale: floor}, q6: {format: e4m3}",
      "q2: {format: nvfp4, scale: even, square: true}",
      "q3: {format: nvfp4, four_over_six: true}", "q6: {format: nvfp4-1x128, four_over_six: true}",
      "hadamard: [dx], q3: {format: nvfp4}, q4: {format: nvfp4}, hadamard_size: 16",
    ] {
      #expect(Self.message("method: tetrajet\nquantizers: {\(quantizers)}") == "accepted")
    }
    #expect(Self.message("method: tetrajet+qema\nquantizers: {q2: {format: nvfp4}}") == "accepted")
  }

  @Test("the recipes that ship are valid")
  func shipped() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../Recipes").standardized.path
    let files = try FileManager.default.contentsOfDirectory(atPath: folder)
    #expect(files.contains("cifar10.yaml") && files.count >= 34)
    for file in files where file.hasSuffix(".yaml") {
      _ = try Recipe(settings: RecipeSetting.read("\(folder)/\(file)"))
    }
  }
}
