import Files
import ImageData

/// What a run is trained by and on. A checkpoint carries it, so that a resume notices what has changed since.
struct RunOrigin {
  /// The resolved recipe.
  let recipe: Recipe
  /// The images, by what they are.
  let data: DataRecord

  /// How many training images there are.
  private var images: Int { data.trainCounts.reduce(0, +) }

  /// For a checkpoint's metadata.
  var metadata: [String: String] {
    [
      "recipe": recipe.yaml, "train_images": "\(images)",
      "class_names": jsonArray(data.classNames),
      "train_counts": "\(data.trainCounts)", "test_counts": "\(data.testCounts)",
      "train_fingerprint": data.trainFingerprint, "test_fingerprint": data.testFingerprint,
      Checkpoint.versionKey: Version.current,
    ]
  }

  /// What can change the result and is not what it was when a checkpoint was written; one of a version that carried
  /// nothing has not changed.
  ///
  /// - Parameter trained: the checkpoint's recipe.
  func changes(since file: SafetensorsFile, trained: Recipe?) -> [RecipeChange] {
    var changes: [RecipeChange] = []
    if let trained {
      let isKnown = file.metadata["train_fingerprint"] != nil
      // Versions that knew data by nothing but their path and counts cannot tell whether another path changes anything.
      changes = recipe.changes(since: trained)
        .filter { $0.key.changesResult || $0.key.name == "data.path" && !isKnown }
        .map { RecipeChange(name: $0.key.name, before: $0.before, now: $0.now) }
    }
    let classes = jsonArray(data.classNames)
    if let before = file.metadata["class_names"], before != classes {
      changes.append(RecipeChange(name: "the list of classes", before: before, now: classes))
      return changes
    }
    for (side, counts, fingerprint) in [
      ("train", data.trainCounts, data.trainFingerprint),
      ("test", data.testCounts, data.testFingerprint),
    ] {
      if let change = change(
        side, counts, fingerprint, before: file.metadata["\(side)_counts"],
        file.metadata["\(side)_fingerprint"])
      {
        changes.append(change)
      }
    }
    if file.metadata["train_fingerprint"] == nil, let before = file.metadata["train_images"],
      before != "\(images)"
    {
      changes.append(
        RecipeChange(name: "the number of training images", before: before, now: "\(images)"))
    }
    return changes
  }

  /// How the images of a side differ from those of a checkpoint: in number, in a class, or in their names.
  private func change(
    _ side: String, _ counts: [Int], _ fingerprint: String, before: String?, _ then: String?
  ) -> RecipeChange? {
    guard let then, then != fingerprint else { return nil }
    let name = side == "train" ? "training images" : "test images"
    let earlier = before.flatMap { try? parseJSON($0.utf8, as: [Int].self) } ?? []
    guard earlier.count == counts.count,
      let label = counts.indices.first(where: { counts[$0] != earlier[$0] })
    else {
      return RecipeChange(
        name: "what the \(name) are called (\(counts.reduce(0, +)) as before)",
        before: String(then.prefix(12)), now: String(fingerprint.prefix(12)))
    }
    let others = counts.indices.count { counts[$0] != earlier[$0] } - 1
    let more = others > 0 ? " (and \(others) more classes)" : ""
    return RecipeChange(
      name: "the number of \(name) of '\(data.classNames[label])'\(more)",
      before: "\(earlier[label])", now: "\(counts[label])")
  }
}
