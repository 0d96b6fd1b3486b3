import Exchange
import Files
import MXCompute
import MXFormats
import MXLinear
import MXRuntime

/// How the 4-bit tensors of a file are quantized: what `quantize` writes down in the metadata, so that they can be read
/// again.
struct StoredQuantization: Equatable, Sendable {
  /// Format, scale rule and rounding that made the codes.
  var recipe: QuantizerRecipe
  /// Along which axis the groups lie.
  var axis: GroupAxis
  /// The extents [rows, columns] of the tensors before they were packed.
  var shapes: [String: [Int]]
  /// The outer scales of the tensors, where the file has numbers that they do not follow from in all their places.
  var outerScales: [String: Float]

  /// A way to quantize, of no tensors yet.
  init(_ recipe: QuantizerRecipe, axis: GroupAxis) {
    (self.recipe, self.axis, shapes, outerScales) = (recipe, axis, [:], [:])
  }

  /// What a file says; nil where it says nothing of 4-bit tensors.
  ///
  /// - Throws: `SafetensorsError.Fault.metadata`.
  init?(_ file: some TensorFile) throws {
    try self.init(metadata: file.metadata) { key, found, expected in
      file.error(.metadata(key: key, found: found, expected: expected))
    }
  }

  /// What notes say; nil where they say nothing of 4-bit tensors.
  ///
  /// - Parameter error: of a note that cannot be read, with what was found and expected.
  /// - Throws: what `error` returns.
  init?(
    metadata: [String: String], error: (_ key: String, String?, String) -> SafetensorsError
  ) throws {
    guard metadata["element_format"] != nil else { return nil }
    func value<Value: RawRepresentable<String> & CaseIterable>(_ key: String) throws -> Value {
      guard let value = metadata[key].flatMap(Value.init) else {
        let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
        throw error(key, metadata[key], "one of \(known)")
      }
      return value
    }
    recipe = QuantizerRecipe(
      format: try value("element_format"), scaleRule: try value("scale_rule"),
      rounding: try value("rounding"))
    guard BlockFormat.inFiles.contains(recipe.format) else {
      let known = BlockFormat.inFiles.map(\.rawValue).joined(separator: ", ")
      throw error("element_format", metadata["element_format"], "one of \(known)")
    }
    let rules = recipe.format.scaleRules
    guard rules.contains(recipe.scaleRule) else {
      throw error(
        "scale_rule", metadata["scale_rule"],
        "one of \(rules.map(\.rawValue).joined(separator: ", ")) in \(recipe.format.rawValue)")
    }
    recipe.isSquare = metadata[Self.squaresKey] == "true"
    recipe.triesFour = metadata[Self.fourKey] == "true"
    axis = try value("group_axis")
    func list<Value: Decodable>(_ key: String, _ example: String) throws -> [String: Value] {
      let text = metadata[key] ?? "{}"
      guard let list = try? parseJSON(text.utf8, as: [String: Value].self) else {
        throw error(key, text, example)
      }
      return list
    }
    shapes = try list(Self.shapesKey, "shapes by name, as in {\"w\":[2,32]}")
    outerScales = try list(ExportedModel.outerScalesKey, "numbers by name, as in {\"w\":0.5}")
  }

  private static let shapesKey = "quantized_shapes"
  private static let squaresKey = "squares_share_scales", fourKey = "four_over_six"

  /// The same as metadata.
  var metadata: [String: String] {
    let list = shapes.sorted { $0.key < $1.key }
      .map { "\(jsonString($0.key)):[\($0.value.map(String.init).joined(separator: ","))]" }
    let choices = [Self.squaresKey: recipe.isSquare, Self.fourKey: recipe.triesFour]
    return choices.filter(\.value).mapValues { _ in "true" }.merging([
      "element_format": recipe.format.rawValue, "scale_rule": recipe.scaleRule.rawValue,
      "rounding": recipe.rounding.rawValue, "group_axis": axis.rawValue,
      "group_size": "\(recipe.format.groupSize)",
      Self.shapesKey: "{\(list.joined(separator: ","))}",
    ]) { $1 }
  }

  /// A tensor's codes.
  ///
  /// - Parameters:
  ///   - averages: the moving averages that Q-EMA rounds by.
  ///   - random: what stochastic rounding draws from.
  func quantized(
    _ values: [Float], shape: [Int], averages: [Float]?, _ random: RandomStream
  ) -> QuantizedMatrix {
    var quantizer = Quantizer(
      format: recipe.format, scaleRule: recipe.scaleRule, rounding: recipe.rounding, axis: axis)
    (quantizer.isSquare, quantizer.triesFour) = (recipe.isSquare, recipe.triesFour)
    return quantizer.quantize(
      values, rows: shape[0], columns: shape[1], ema: averages,
      randomBits: { random.roundingBits(row: $0, column: $1) })
  }

  /// The quantizer of the weights that leaves the decoded values as they are; nil where only none does.
  ///
  /// Under its own format and scale rule a value that a code stands for is a value that a code stands for: the largest
  /// of a group may have been rounded down so far that the scale is halved, which doubles all codes exactly. (Groups along
  /// columns have scales that no row has, and an outer scale may come out a rounding apart: under the simulated engine, which
  /// reads values, there is none.)
  func keepingValues(_ quantizer: QuantizerRecipe, _ engine: Engine) -> QuantizerRecipe? {
    guard axis == .rows, engine == .packed || recipe.format.outerScale == .none else { return nil }
    var quantizer = quantizer
    (quantizer.format, quantizer.scaleRule) = (recipe.format, recipe.scaleRule)
    (quantizer.isSquare, quantizer.triesFour) = (recipe.isSquare, recipe.triesFour)
    return quantizer
  }
}
