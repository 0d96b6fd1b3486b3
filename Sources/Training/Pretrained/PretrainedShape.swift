import Files
import Foundation
import VisionModels

/// The shape of the model in a file of pretrained weights, as settings for the keys that the user leaves open.
package struct PretrainedShape {
  /// The keys `model.*` with the file's values; to be put before the user's settings.
  package let settings: [RecipeSetting]
  /// One line on what was taken from the file, and what was concluded only.
  package let note: String

  private static let section = "model."

  /// The shape in the file that settings start from; nil where they start from none, name a preset, or leave nothing open.
  ///
  /// - Throws: `PretrainedError` (also where heads are not told), `SafetensorsError`, `FileError`, `ModelError`.
  package init?(of settings: [RecipeSetting]) throws {
    let settings = settings.withoutDefaults()
    guard let path = settings.last(where: { $0.name == "fine_tuning.init" })?.words.first,
      path != "none", !settings.contains(where: { $0.name == "model.preset" })
    else { return nil }
    // A resolved recipe leaves nothing open.
    let keys = RecipeKey.all.map(\.name).filter { $0.hasPrefix(Self.section) }
    let named = Set(settings.map(\.name)).intersection(keys)
    guard named.count < keys.count else { return nil }
    let file = try openPretrained(path)
    let own = Set(named.map { String($0.dropFirst(Self.section.count)) })
    let found: FoundSizes?
    if file.metadata["architecture"] != nil {
      found = FoundSizes(of: try ModelConfiguration(metadataOf: file), named: own)
    } else {
      found = try FoundSizes(read: file, named: own) {
        let hub = HubConfiguration(beside: file.path)
        try hub?.check()
        return hub?.sizes
      }
    }
    guard let found else { return nil }
    if found.lacksHeads { throw PretrainedError.heads(path: file.path, width: found.width) }
    guard !found.values.isEmpty else { return nil }
    self.settings = found.values.map {
      RecipeSetting(key: Self.section + $0.key, words: $0.words, location: file.path)
    }
    let list = found.values.map { "\($0.key) \($0.words.joined(separator: " "))" }
    note =
      "the model's shape from \(file.path): \(list.joined(separator: ", "))"
      + (found.remark.map { " (\($0))" } ?? "")
  }
}

/// What `config.json` of Hugging Face's transformers says beside `model.safetensors`.
struct HubConfiguration {
  private let path: String
  private let members: Members

  /// What the file has of what we ask; a member of another type is none.
  private struct Members: Decodable {
    let heads, imageSize: Int?
    let normEpsilon: Double?
    let activation: String?

    init(from decoder: any Decoder) throws {
      let members = try decoder.container(keyedBy: MemberName.self)
      heads = try? members.decode(Int.self, forKey: "num_attention_heads")
      imageSize = try? members.decode(Int.self, forKey: "image_size")
      normEpsilon = try? members.decode(Double.self, forKey: "layer_norm_eps")
      activation = try? members.decode(String.self, forKey: "hidden_act")
    }
  }

  /// The configuration beside a file of weights; nil where there is none that can be read.
  init?(beside file: String) {
    let url = URL(fileURLWithPath: file)
    guard url.lastPathComponent == "model.safetensors" else { return nil }
    path = url.deletingLastPathComponent().appendingPathComponent("config.json").path
    guard let members = try? readJSON(path, as: Members.self, limit: 1 << 22) else { return nil }
    self.members = members
  }

  /// What it says of the model's sizes.
  var sizes: HubSizes {
    func positive(_ size: Int?) -> Int? { size.flatMap { $0 > 0 ? $0 : nil } }
    return HubSizes(
      heads: positive(members.heads), imageSize: positive(members.imageSize),
      normEpsilon: members.normEpsilon.map { Float($0) })
  }

  /// Refuses activations that are not GELU.
  func check() throws {
    guard let activation = members.activation, activation != "gelu" else { return }
    throw PretrainedError.otherFunction(
      path: path, tensor: "hidden_act", why: "has '\(activation)' for an activation instead of GELU"
    )
  }
}
