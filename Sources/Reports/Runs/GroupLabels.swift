import Files
import Training

/// Names groups of runs by what tells them apart: the method, and what is not as the method has it by itself.
///
/// Quantizers are named wherever they are not the method's own (`tetrajet, q1.scale=even`); other keys where the groups
/// differ in them and a group does not have the default.
struct GroupLabels {
  /// The labels, one a group; no two alike.
  let labels: [String]

  /// - Parameter runs: one run of each group.
  init(_ runs: [RunRecord]) {
    let known = RecipeKey.all.map(\.name)
    let others = Set(runs.flatMap(\.settings.keys)).subtracting(known).sorted()
    let differing = Set(
      (known + others).filter { key in Set(runs.map { $0.settings[key] }).count > 1 })
    let names = runs.map { run in
      let details = Self.details(run, among: known + others, differing: differing)
      return oneLine(([run.method] + details).joined(separator: ", "))
    }
    let withData = zip(names, runs).map { name, run in
      names.count { $0 == name } > 1 ? oneLine("\(name), \(Self.data(run))") : name
    }
    labels = zip(withData, runs).map { name, run in
      // Recipes that this version cannot read may differ in what it does not know.
      withData.count { $0 == name } > 1 ? "\(name) (\(oneLine(run.name)))" : name
    }
  }

  /// The last part of the images' path.
  private static func data(_ run: RunRecord) -> String {
    "data " + (run.settings["data.path"]?.split(separator: "/").last.map(String.init) ?? "?")
  }

  private static let unnamed: Set<String> = ["method", "seed", "data.path"]

  private static func details(
    _ run: RunRecord, among keys: [String], differing: Set<String>
  ) -> [String] {
    let own = run.recipe?.own.values ?? [:]
    var details: [String] = []
    if let preset = run.recipe?.presetName,
      differing.contains(where: { $0.hasPrefix("model.") && !open.contains($0) })
    {
      details.append(preset)
    }
    for key in keys where !unnamed.contains(key) && RecipeKey.changesResult(key) {
      guard let value = run.settings[key], value != own[key] else { continue }
      guard let place = quantizerKey(key) else {
        if differing.contains(key) { details.append("\(key)=\(value)") }
        continue
      }
      // How a quantizer that is off would round is of no interest.
      let isOff = run.settings["quantizers.\(place.operand).enabled"] == "false"
      if place.name != "enabled", isOff { continue }
      let isNamed = run.recipe != nil || differing.contains(key)
      if isNamed { details.append("\(place.operand).\(place.name)=\(value)") }
    }
    return details
  }

  /// What presets leave open, and so the name of one does not say.
  private static let open: Set<String> = [
    "model.image_size", "model.drop_path", "model.norm_epsilon", "model.channels",
  ]

  private static func quantizerKey(_ key: String) -> (operand: Substring, name: Substring)? {
    let parts = key.split(separator: ".")
    return parts.count == 3 && parts[0] == "quantizers" ? (parts[1], parts[2]) : nil
  }
}
