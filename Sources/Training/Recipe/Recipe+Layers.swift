import MXFormats
import MXLinear
import Oscillation
import VisionModels

extension Recipe {
  /// Refuses a model whose weights have no 4-bit codes of their own.
  ///
  /// - Parameter path: the file that it is of.
  /// - Throws: `QuantizationError`.
  func checkCodes(of path: String) throws {
    if let cause = rotation { throw QuantizationError.rotated(path, by: cause) }
    if let wide = linear.outControl {
      throw QuantizationError.mixed(path, format: wide.format.rawValue)
    }
  }

  /// What has layers quantize rotated weights; nil where they quantize them as they are.
  private var rotation: String? {
    if linear.rotated != nil { return method.rawValue }
    return linear.rotates(.y) ? "quantizers.hadamard with y" : nil
  }

  /// Checks what is said of some layers and blocks.
  ///
  /// - Throws: `RecipeError`.
  func validateLayers() throws {
    if let last = linear.exactBlocks.max(), last > model.blocks {
      throw RecipeError(
        key: "quantizers.exact_blocks", found: "\(last)",
        expected: "at most \(model.blocks), the blocks of the model")
    }
    for operand in Operand.allCases {
      let window = windows[operand]
      guard window.from < window.until else {
        throw RecipeError(
          key: "quantizers.\(operand.rawValue).until", found: "\(window.until)",
          expected:
            "more than quantizers.\(operand.rawValue).from, which is \(window.from); a quantizer "
            + "that is never on has 'enabled: false'")
      }
    }
    try validateFormats()
    try validateRotations()
    try validateGroups()
    try validateOutControl()
    guard !linear.meanSplit.isEmpty else { return }
    let layers = LayerKind.allCases.filter(linear.meanSplit.contains).map(\.rawValue)
    guard linear[.q1] != nil else {
      throw RecipeError(
        key: "quantizers.mean_split", found: "[\(layers.joined(separator: ", "))]",
        expected: "[]: \(method.rawValue) quantizes no inputs here, so there is nothing to gain")
    }
  }

  /// Checks what quantizers are made of.
  private func validateFormats() throws {
    for operand in Operand.allCases {
      guard let quantizer = linear[operand] else { continue }
      let (format, rule) = (quantizer.format, quantizer.scaleRule)
      guard format.scaleRules.contains(rule) else {
        throw RecipeError(
          key: "quantizers.\(operand.rawValue).scale", found: rule.rawValue,
          expected:
            "\(RecipeKey.oneOf(format.scaleRules)): \(format.rawValue) has scales that are no powers of two, large enough for the "
            + "largest of a group or to the nearest")
      }
    }
    for operand in Operand.allCases {
      guard let quantizer = linear[operand], quantizer.triesFour else { continue }
      guard quantizer.format == .nvfp4 || quantizer.format == .nvfp4Runs, !quantizer.isSquare
      else {
        throw RecipeError(
          key: "quantizers.\(operand.rawValue).four_over_six", found: "true",
          expected:
            "false, or \(operand.rawValue).format nvfp4 or nvfp4-1x128 without squares: each group of 16 chooses for itself"
        )
      }
    }
    for operand in [Operand.q2, .q4] {
      guard let quantizer = linear[operand], quantizer.isSquare else { continue }
      guard quantizer.format == .nvfp4 else {
        throw RecipeError(
          key: "quantizers.\(operand.rawValue).square", found: "true",
          expected: "false, or \(operand.rawValue).format nvfp4: squares are of groups of 16")
      }
    }
    guard let format = linear[.q2]?.format else { return }
    func check(_ isKnown: (BlockFormat) -> Bool, _ reason: String) throws {
      if isKnown(format) { return }
      throw RecipeError(
        key: "quantizers.q2.format", found: format.rawValue,
        expected: "\(RecipeKey.oneOf(BlockFormat.allCases.filter(isKnown))): \(reason)")
    }
    try check(
      \.isPackable,
      "weights are kept as codes, and \(format.rawValue) has too many steps for products of bytes")
    for remedy in method.remedies {
      try check(remedy.knows, "\(remedy.rawValue) counts with scales of groups")
    }
  }

  /// Checks that every group has places for the logits of its candidates.
  private func validateGroups() throws {
    guard method.remedies.contains(.osmq) else { return }
    for layer in model.layerShapes where (1...2).contains(layer.inputs % 32) {
      throw RecipeError(
        key: "model.width", found: "\(model.width)",
        expected:
          "another one: \(layer.name) has \(layer.inputs) inputs, and osmq has three logits a group of 32, "
          + "which no last group of one or two has places for")
    }
    guard remedies.osmq.logits.count == 3 else {
      throw RecipeError(
        key: "osmq.logits", found: "\(remedies.osmq.logits.count) numbers",
        expected: "three: of nearest rounding, of qema, and of the step before")
    }
  }

  /// Checks that channels in a wide format have what they need.
  private func validateOutControl() throws {
    guard let rule = linear.outControl else { return }
    var reasons = [
      linear.rotated != nil ? "\(method.rawValue) has steps of its own in place of formats" : nil,
      linear.rotates(.y) ? "quantizers.hadamard with y mixes channels" : nil,
      linear.meanSplit.isEmpty
        ? nil : "quantizers.mean_split is the other way to treat them, and they do not go together",
    ]
    for operand in [Operand.q1, .q2] where linear[operand] == nil {
      reasons.append("quantizers.\(operand.rawValue) is off, and nothing is in four bits")
    }
    let (q4, q6) = (linear.q4ReadsQuantized, linear.q6ReadsQuantized)
    if !q4 || !q6 {
      reasons.append(
        "quantizers.\(q4 ? "q6" : "q4").reads_quantized is false, and the backward pass would read channels in another format than "
          + "the forward pass")
    }
    for remedy in [RemedyName.freeze, .osmq] where method.remedies.contains(remedy) {
      reasons.append("\(remedy.rawValue) counts with the groups of all channels")
    }
    if let reason = reasons.lazy.compactMap({ $0 }).first {
      throw RecipeError(
        key: "outcontrol.share", found: "\(rule.share)", expected: "0: \(reason)")
    }
  }

  /// What remedies may know of a training of so many steps.
  func plan(steps: Int) -> TrainingPlan {
    TrainingPlan(
      totalSteps: steps, seed: UInt64(seed), beta1: optimizer.beta1, beta2: optimizer.beta2,
      epsilon: optimizer.epsilon)
  }

  /// Checks that rotated products have what they need.
  private func validateRotations() throws {
    for product in LinearProduct.allCases where linear.rotatedProducts.contains(product) {
      let (a, b) = product.operands
      let found = "with \(product.rawValue)"
      for operand in [a, b] {
        guard let format = linear[operand]?.format else {
          throw RecipeError(
            key: "quantizers.hadamard", found: found,
            expected:
              "without \(product.rawValue), or quantizers.\(operand.rawValue).enabled true: both operands of "
              + "a product are rotated, and quantized")
        }
        guard format != .int4 else {
          throw RecipeError(
            key: "quantizers.hadamard", found: found,
            expected:
              "without \(product.rawValue): \(format.rawValue) of \(operand.rawValue) has one scale a tensor, "
              + "and no groups to rotate in")
        }
      }
      guard product == .y, let remedy = method.remedies.first(where: { $0 != .qema }) else {
        continue
      }
      throw RecipeError(
        key: "quantizers.hadamard", found: found,
        expected:
          "without y: \(remedy.rawValue) follows weights one by one, and their codes are those of rotated groups"
      )
    }
  }
}
