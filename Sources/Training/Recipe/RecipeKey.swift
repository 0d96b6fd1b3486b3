/// One key of a recipe: its name, what it means, what it allows, and how it is read and written.
///
/// The one list of keys serves the YAML reader, `--set`, the resolved recipe of a run, and the help.
package struct RecipeKey: Sendable {
  /// The full name, sections separated by dots.
  package let name: String
  /// One phrase on what it does.
  package let meaning: String
  /// What it allows, as it completes "it must be …".
  package let expected: String
  /// The words that it allows, where they are few.
  package var choices: [String] = []
  /// Reads the words of a value (one, or several of a list) into a recipe; nil where they do not fit.
  let read: @Sendable (inout Recipe, [String]) -> Void?
  /// The value in YAML.
  let write: @Sendable (Recipe) -> String

  /// All keys, in the order in which a resolved recipe lists them.
  package static let all: [RecipeKey] =
    [
      RecipeKey(
        name: "method", meaning: "quantizers and remedies", expected: Method.expected,
        choices: Method.allCases.map(\.rawValue),
        read: { recipe, words in
          guard let method = words.count == 1 ? Method(rawValue: words[0]) : nil else { return nil }
          // What the paper calls full precision is attention's, too, as long as it is the method.
          if method.base == .bf16 {
            recipe.model.attention = .bf16
          } else if recipe.method.base == .bf16 {
            recipe.model.attention = .fp32
          }
          recipe.method = method
          // A method sets all quantizers; keys under `quantizers` then change single ones.
          recipe.linear = method.linearRecipe
          return ()
        }, write: { $0.method.rawValue }),
      .choice("engine", \.engine, "how products are computed"),
      .integer("seed", \.seed, 0...Int.max, "the seed of everything random"),

      .string("data.path", \.data.path, "digits, a folder of images, or a tar archive"),
      .number(
        "data.validation_share", \.data.split.share, 0.0001...0.9999,
        "share of each class to test with, where there are no labelled test images"),
      .integer(
        "data.validation_seed", \.data.split.seed, 0...Int.max, "which images these are"),
      .numbers("data.mean", \.data.mean, -10...10, "channel means that are subtracted"),
      .numbers(
        "data.standard_deviation", \.data.standardDeviation, 1e-6...10,
        "channel deviations that are divided by"),
      .integer(
        "data.crop_padding", \.data.augmentation.cropPadding, 0...4096,
        "black pixels on each side before a padded crop"),
      .number(
        "data.flip_probability", \.data.augmentation.flipProbability, 0...1,
        "how often images are mirrored"),
      .number(
        "data.crop_ratio", \.data.cropRatio, 0.1...1,
        "share of the shorter side that evaluation shows"),
      .boolean(
        "data.exact_decoding", \.data.exactDecoding,
        "whether JPEGs are decoded whole and then resized, as Pillow does: slower"),
      .integer("data.workers", \.data.workers, 1...256, "threads that decode ahead"),
      .integer(
        "data.cache_megabytes", \.data.cacheMegabytes, 0...(1 << 20), "memory for decoded images"),
      .number(
        "data.max_broken_share", \.data.maximumBrokenShare, 0...1,
        "share of broken images that stops a run"),

      .choice("model.architecture", \.model.architecture, "the family of models"),
      .integer("model.image_size", \.model.imageSize, 1...4096, "pixels a side"),
      .integer("model.patch_size", \.model.patchSize, 1...4096, "pixels a side of a patch"),
      .integer("model.channels", \.model.channels, 1...3, "1 (grey) or 3 (RGB)"),
      .integer(
        "model.width", \.model.width, 1...65536, "channels of a token; of a Swin's first stage"),
      .integer("model.depth", \.model.depth, 1...1024, "blocks of a ViT or DeiT-III"),
      .integer("model.heads", \.model.heads, 1...1024, "attention heads of a ViT or DeiT-III"),
      .integers(
        "model.stage_depths", \.model.stageDepths, 1...1024, "blocks of each stage of a Swin"),
      .integers("model.stage_heads", \.model.stageHeads, 1...1024, "heads of each stage of a Swin"),
      .integer("model.window_size", \.model.windowSize, 1...64, "tokens a side of a Swin's window"),
      .number("model.mlp_ratio", \.model.mlpRatio, 0.01...64, "hidden units of the MLP, in widths"),
      .number("model.norm_epsilon", \.model.normEpsilon, 1e-12...1, "added to variances"),
      .number("model.drop_path", \.model.dropPath, 0...0.99, "stochastic depth of the last block"),
      .number(
        "model.cls_token_std", \.model.classTokenDeviation, 0...1,
        "deviation of the initial class token"),
      .number(
        "model.layer_scale", \.model.layerScale, 1e-9...10,
        "what a DeiT-III's LayerScale starts from"),
      .choice(
        "model.attention", \.model.attention,
        "what the products of attention are of, with sums in single precision"),

      .integer("training.epochs", \.training.epochs, 1...1_000_000, "passes over the data"),
      .integer("training.batch_size", \.training.batchSize, 1...65536, "images a step"),
      .integer(
        "training.micro_batch", \.training.microBatch, 0...65536,
        "images that go through the model together, a divisor of the batch; 0 for the batch"),
      .choice(
        "training.recompute", \.training.recomputation,
        "what the backward pass computes again instead of keeping it"),
      .boolean(
        "training.drop_last", \.training.dropsLast,
        "whether an epoch leaves out what is behind its last whole batch"),
      .number(
        "training.label_smoothing", \.training.labelSmoothing, 0...0.99,
        "share of the target spread over all classes"),
      .integer(
        "training.evaluate_every", \.training.evaluateEvery, 1...1_000_000,
        "epochs between evaluations"),
      .integer(
        "training.patience", \.training.patience, 0...1_000_000,
        "evaluations without a better top-1 after which the run ends; 0 for all epochs"),
      .integer("training.log_every", \.training.logEvery, 1...1_000_000, "steps between metrics"),
      .number(
        "training.average_decay", \.training.averageDecay, 0...0.9999999,
        "decay of an average of the weights, evaluated beside them; 0 for none"),
      .boolean(
        "training.tensorboard", \.training.tensorboard,
        "whether TensorBoard's event files are written beside the metrics"),

      .number(
        "checkpoint.every_minutes", \.checkpoints.everyMinutes, 0...1e6,
        "minutes between checkpoints; 0 for none by the clock"),
      .integer(
        "checkpoint.every_steps", \.checkpoints.everySteps, 0...Int.max,
        "steps between checkpoints; 0 for none by steps"),
      .integer(
        "checkpoint.keep", \.checkpoints.keep, 0...100_000,
        "last epochs whose weights are kept, as epoch-0001.safetensors and so on; 0 for none"),

      .integer(
        "parallel.time_limit", \.parallel.timeLimit, 0...1_000_000,
        "seconds after which a rank that does not answer ends the run; 0 for never"),
      .boolean(
        "parallel.shard_moments", \.parallel.shardMoments,
        "whether each of several ranks keeps and updates only a part of the optimizer's state"),

      .number("optimizer.learning_rate", \.optimizer.learningRate, 0...100, "peak learning rate"),
      .number("optimizer.beta1", \.optimizer.beta1, 0...0.999999, "decay of the first moment"),
      .number("optimizer.beta2", \.optimizer.beta2, 0...0.999999, "decay of the second moment"),
      .number("optimizer.epsilon", \.optimizer.epsilon, 1e-30...1, "added to the root"),
      .number(
        "optimizer.weight_decay", \.optimizer.weightDecay, 0...100, "decay of weight matrices"),
      .number(
        "optimizer.clip_gradient_norm", \.optimizer.clipGradientNorm, 0...1e9,
        "largest norm of the gradient; 0 for none"),

      .number("schedule.warmup_epochs", \.schedule.warmupEpochs, 0...1e6, "linear warm-up"),
      .number(
        "schedule.warmup_learning_rate", \.schedule.warmupLearningRate, 0...100,
        "learning rate of the first step"),
      .number(
        "schedule.final_learning_rate", \.schedule.finalLearningRate, 0...100,
        "learning rate at the end of the cosine"),
      .choice("schedule.unit", \.schedule.unit, "what has a learning rate of its own"),
      .number(
        "schedule.lag_epochs", \.schedule.lagEpochs, 0...1e6,
        "epochs by which the schedule comes late; the authors' 1"),

      .string(
        "fine_tuning.init", \.fineTuning.initialWeights, "pretrained weights to start from, or none"
      ),
      .number(
        "fine_tuning.layer_decay", \.fineTuning.layerDecay, 0.01...1,
        "factor on the learning rate from a layer to the one before"),
      .boolean(
        "fine_tuning.freeze_patch_embedding", \.fineTuning.freezesPatchEmbedding,
        "whether the patch embedding stays as it is"),
    ] + augmentationKeys + remedyKeys + statisticsKeys + quantizerKeys
    + outControlKeys

  /// The names of all keys, and that of the presets, which are no key of a resolved recipe.
  package static let names = all.map(\.name) + [presetName]

  /// Sets all that defines a model's shape.
  package static let presetName = "model.preset"

  /// Names the recipe that a recipe's file builds on; no key of a recipe.
  package static let baseName = "base"

  /// The value that a recipe has, as YAML.
  package func value(in recipe: Recipe) -> String { write(recipe) }

  /// Whether another value of a key can change what is trained. The others change its speed, or what is written down of it.
  package static func changesResult(_ name: String) -> Bool {
    !withoutResult.contains { name == $0 || ($0.hasSuffix(".") && name.hasPrefix($0)) }
  }

  /// The same of this key.
  package var changesResult: Bool { Self.changesResult(name) }

  private static let withoutResult = [
    // Images are known by what they are (`RunOrigin`), not by where they lie.
    "checkpoint.", "data.cache_megabytes", "data.path", "data.workers", "parallel.", "statistics.",
    "training.log_every", "training.recompute", "training.tensorboard",
  ]
}
