import ArgumentParser
import Files
import Foundation
import Oscillation
import Training

struct KeysCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys",
    abstract: "List what a recipe can say: each key's default, range and meaning.",
    discussion: """
      Keys are set in a recipe's YAML file and by --set KEY=VALUE. The built-in digits have some defaults of \
      their own, which are told beside those of other images. Examples:

        tetrajet keys
        tetrajet keys optimizer
        tetrajet keys 'quantizers.q3.*'
        tetrajet keys method
      """)

  @Argument(help: "Part of a key's name; * stands for anything. (default: all keys)")
  var pattern: String?

  @Flag(help: "Print the names only.")
  var names = false

  @Flag(help: "Print one JSON object a line and key.")
  var json = false

  func validate() throws {
    if names, json { throw ValidationError("--names and --json do not go together") }
  }

  func run() throws {
    for key in try found() {
      if names {
        try printLine(key.name)
      } else if json {
        try printLine(line(key).text)
      } else {
        try printLine(text(key))
      }
    }
  }

  /// A key as it is listed; the presets are no key of a resolved recipe, and have no default.
  private struct Entry {
    let name, meaning, expected: String
    var choices: [String] = []
    var value: String?
    var digits: String?
    var changesResult = true
  }

  private static let all: [Entry] =
    RecipeKey.all.map { key in
      Entry(
        name: key.name, meaning: key.meaning, expected: key.expected, choices: key.choices,
        value: key.value(in: Recipe()), digits: key.value(in: .digits),
        changesResult: key.changesResult)
    } + [
      Entry(
        name: RecipeKey.presetName,
        meaning: "a model by name, whose shape the other keys under model then change",
        expected: "one of " + Recipe.modelPresets.joined(separator: ", "),
        choices: Recipe.modelPresets),
      Entry(
        name: RecipeKey.baseName,
        meaning: "in a recipe's file, another one that it builds on and whose keys it then changes",
        expected: "the path of a recipe, from the folder of the one that names it"),
    ]

  private func found() throws -> [Entry] {
    guard let pattern else { return Self.all }
    let word = pattern.lowercased()
    if let key = Self.all.first(where: { $0.name == word }) { return [key] }
    let named = Self.all.filter { key in
      word.contains("*") ? fnmatch(word, key.name, 0) == 0 : key.name.contains(word)
    }
    let found = named.isEmpty ? Self.all.filter { $0.meaning.lowercased().contains(word) } : named
    guard found.isEmpty else { return found }
    let names = Self.all.map(\.name)
    let words = names.compactMap { $0.split(separator: ".").last.map(String.init) }
    throw ValidationError(
      "no key's name or meaning has '\(pattern)' in it; "
        + (nearestName(to: word, among: names + words).map { "did you mean '\($0)'?" }
          ?? "'tetrajet keys' lists all"))
  }

  private func text(_ key: Entry) -> String {
    let digits = key.digits == key.value ? nil : key.digits
    let head =
      key.name + (key.value.map { ": \($0)" } ?? "") + (digits.map { " (digits: \($0))" } ?? "")
    guard key.name == "method" else {
      return head + "\n" + wrapped("\(key.meaning): \(key.expected)", indent: 4)
    }
    return head + "\n" + wrapped(key.meaning, indent: 4) + "\n" + Self.methods
  }

  private func line(_ key: Entry) -> JSONLine {
    var line = JSONLine()
    line.add("key", key.name)
    if let value = key.value { line.add("default", value) }
    if let digits = key.digits { line.add("default_digits", digits) }
    line.add("meaning", key.meaning)
    line.add("allowed", key.expected)
    if !key.choices.isEmpty { line.add("choices", key.choices) }
    line.add("changes_result", key.changesResult)
    return line
  }

  private static var methods: String {
    let bases = [
      ("fp32", "single precision"),
      ("bf16", "products of bfloat16, with sums in single precision; of attention, too"),
      ("int4", "integers -7 to 7 under one scale a tensor: the paper's rival, plainly"),
      ("int4-xi", "the same behind rotations, with learned steps and sampled gradients"),
      (
        "nvidia-nvfp4",
        "NVIDIA's recipe: weights in squares of 16, a rotated weight gradient, scales to the nearest"
      ),
      (
        "tetrajet-v2",
        "NVFP4 with outer scales of 128, rotated gradients, and a tenth of the channels in MXFP8; the authors add +oscireset"
      ),
      ("microscaling", "the OCP baseline: nearest rounding, floor scales"),
      ("tetrajet", "truncation-free scales, double quantization, unbiased gradients"),
    ]
    let remedies = RemedyName.allCases.map { ("tetrajet+\($0.rawValue)", $0.summary) }
    let pairs = RemedyName.combinations.map { "\($0.rawValue)+\($1.rawValue)" }
    let refused = RemedyName.allCases.enumerated().flatMap { index, first in
      RemedyName.allCases.dropFirst(index + 1).compactMap { second in
        first.conflict(with: second).map { "\(first.rawValue)+\(second.rawValue): \($0)" }
      }
    }
    let lines =
      (bases + remedies).map { "    \($0)\n" + wrapped($1, indent: 8) }
      + [
        wrapped(
          "microscaling takes the same remedies, and nvidia-nvfp4 and tetrajet-v2 all but freeze and osmq. Together go "
            + pairs.joined(separator: " and ") + ". Others do not:", indent: 4)
      ] + refused.map { wrapped($0, indent: 8) }
    return lines.joined(separator: "\n")
  }
}
