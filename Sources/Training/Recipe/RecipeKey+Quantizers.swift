import MXCompute
import MXFormats
import MXLinear

extension RecipeKey {
  /// What is quantized, and how.
  static let quantizerKeys: [RecipeKey] =
    [
      .words(
        "quantizers.mean_split", \.linear.meanSplit,
        "layers that quantize what their inputs are beside a moving average of them"),
      .number(
        "quantizers.mean_decay", \.meanDecay, 0...0.999999, "decay of that average, once a step"),
      .words(
        "quantizers.hadamard", \.linear.rotatedProducts,
        "products whose operands are rotated by a Hadamard matrix before they are quantized"),
      RecipeKey(
        name: "quantizers.hadamard_size", meaning: "elements that it rotates together",
        expected: "16 or 32", choices: ["16", "32"],
        read: { recipe, words in
          guard words.count == 1, let size = Int(words[0]), size == 16 || size == 32 else {
            return nil
          }
          let hasSigns = recipe.linear.rotation.hasRandomSigns
          recipe.linear.rotation = .init(length: size, hasRandomSigns: hasSigns)
          return ()
        }, write: { "\($0.linear.rotation.length)" }),
      .boolean(
        "quantizers.hadamard_signs", \.linear.rotation.hasRandomSigns,
        "whether elements change their signs at random before it, alike in both operands; never of y"
      ),
      .integers(
        "quantizers.exact_blocks", \.exactBlocks, 1...1024,
        "blocks without quantizers, counted from 1"),
    ] + Operand.allCases.flatMap(keys)

  /// Which channels have wider formats.
  static let outControlKeys: [RecipeKey] = [
    RecipeKey(
      name: "outcontrol.share",
      meaning:
        "share of a layer's input channels, those with the largest inputs, that are in a wider format; 0 for none",
      expected: "a number from 0 to 1",
      read: { recipe, words in
        guard words.count == 1, let share = Double(words[0]), 0...1 ~= share else { return nil }
        let format = recipe.linear.outControl?.format
        recipe.linear.outControl = share > 0 ? OutControl(share: share) : nil
        if let format { recipe.linear.outControl?.format = format }
        return ()
      }, write: { "\($0.linear.outControl?.share ?? 0)" }),
    RecipeKey(
      name: "outcontrol.format", meaning: "the format of theirs", expected: oneOf(wideFormats),
      choices: wideFormats.map(\.rawValue),
      read: { recipe, words in
        let format = words.count == 1 ? BlockFormat(rawValue: words[0]) : nil
        guard let format, wideFormats.contains(format) else { return nil }
        recipe.linear.outControl?.format = format
        return ()
      }, write: { ($0.linear.outControl ?? OutControl()).format.rawValue }),
    .number(
      "outcontrol.from", \.outlierCount.from, 0...1,
      "share of training behind which they are chosen"),
    .integer(
      "outcontrol.steps", \.outlierCount.length, 1...Int.max,
      "steps before that in which it is counted how large inputs are"),
  ]

  /// Those of more than four bits.
  private static let wideFormats = BlockFormat.allCases.filter { $0.elements.bits > 4 }

  private static func keys(_ operand: Operand) -> [RecipeKey] {
    let name = "quantizers.\(operand.rawValue)"
    let axis = operand.axis == .rows ? "along rows" : "along columns"
    var keys: [RecipeKey] = [
      RecipeKey(
        name: "\(name).enabled", meaning: "whether the operand is quantized (\(axis))",
        expected: "true or false", choices: ["true", "false"],
        read: { recipe, words in
          guard let isEnabled = truth(words) else { return nil }
          recipe.linear[operand] = isEnabled ? recipe.linear[operand] ?? QuantizerRecipe() : nil
          return ()
        }, write: { "\($0.linear[operand] != nil)" }),
      quantizerChoice(operand, "format", \.format, "the format of its elements"),
      quantizerChoice(operand, "scale", \.scaleRule, "how its scales are chosen"),
      quantizerChoice(operand, "rounding", \.rounding, "how its elements are rounded"),
      .number(
        "\(name).from", \.windows[operand].from, 0...1, "share of training before it is on"),
      .number(
        "\(name).until", \.windows[operand].until, 0...1, "share of training after which it is off"),
    ]
    keys.append(
      quantizerSwitch(
        operand, "four_over_six", \.triesFour,
        "whether groups of nvfp4 may scale their largest to 4, where that loses less"))
    if operand == .q2 || operand == .q4 {
      keys.append(
        quantizerSwitch(
          operand, "square", \.isSquare, "whether squares of 16 × 16 weights share scales"))
    }
    if operand == .q4 || operand == .q6 {
      let path: WritableKeyPath<Recipe, Bool> & Sendable =
        operand == .q4 ? \.linear.q4ReadsQuantized : \.linear.q6ReadsQuantized
      keys.append(
        .boolean(
          "\(name).reads_quantized", path,
          "whether it reads the forward pass's quantized tensor (double quantization)"))
    }
    return keys
  }

  /// A quantizer that is off keeps nothing: naming its parts alone does not switch it on.
  private static func quantizerSwitch(
    _ operand: Operand, _ name: String,
    _ path: WritableKeyPath<QuantizerRecipe, Bool> & Sendable, _ meaning: String
  ) -> RecipeKey {
    RecipeKey(
      name: "quantizers.\(operand.rawValue).\(name)", meaning: meaning,
      expected: "true or false", choices: ["true", "false"],
      read: { recipe, words in
        guard let value = truth(words) else { return nil }
        recipe.linear[operand]?[keyPath: path] = value
        return ()
      }, write: { "\($0.linear[operand]?[keyPath: path] ?? false)" })
  }

  private static func quantizerChoice<Value: RawRepresentable<String> & CaseIterable & Sendable>(
    _ operand: Operand, _ name: String,
    _ path: WritableKeyPath<QuantizerRecipe, Value> & Sendable, _ meaning: String
  ) -> RecipeKey {
    RecipeKey(
      name: "quantizers.\(operand.rawValue).\(name)", meaning: meaning, expected: oneOf(Value.self),
      choices: Value.allCases.map(\.rawValue),
      read: { recipe, words in
        guard let value = words.count == 1 ? Value(rawValue: words[0]) : nil else { return nil }
        recipe.linear[operand]?[keyPath: path] = value
        return ()
      },
      write: { ($0.linear[operand] ?? QuantizerRecipe())[keyPath: path].rawValue })
  }
}

extension Recipe {
  /// The blocks without quantizers, in their order.
  fileprivate var exactBlocks: [Int] {
    get { linear.exactBlocks.sorted() }
    set { linear.exactBlocks = Set(newValue) }
  }
}
