/// What transformers call a model of a family and its parameters, for files that they are to read.
package struct HubNames {
  /// `model_type` and `architectures` of its configuration.
  package let modelType, modelClass: String
  private let names: PretrainedNames

  /// The names of a family; nil where transformers have no such model.
  package init?(_ architecture: Architecture) {
    guard let model = architecture.family.hubModel else { return nil }
    (modelType, modelClass) = model
    names = PretrainedNames(writing: architecture, prefix: "\(modelType).")
  }

  /// Where a parameter of ours goes to.
  package func place(of name: String) -> PretrainedSource {
    if name.hasPrefix("head.") {
      return .tensor("classifier.\(name.split(separator: ".").last!)")
    }
    return names.candidates(name)[0]
  }
}
