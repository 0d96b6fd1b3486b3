import Files

/// A file of pretrained weights that cannot be used.
package enum PretrainedError: ReportableError, Equatable {
  /// No block of the model finds its weights.
  case nothingFits(path: String, architecture: String)
  /// The file's model computes something that this one does not; `tensor` shows it.
  case otherFunction(path: String, tensor: String, why: String)
  /// A tensor whose shape cannot be brought to the model's.
  case misfit(path: String, tensor: String, from: [Int], to: [Int], advice: String)
  /// The number of attention heads, which no tensor of a ViT tells, is not known for this width.
  case heads(path: String, width: Int)

  /// Bad data.
  package var category: ErrorCategory { .badData }

  /// One line.
  package var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .nothingFits(let path, let architecture):
      "\(path): no block of this '\(architecture)' model finds its weights there; is model.preset, model.width or "
        + "model.architecture another one?"
    case .otherFunction(let path, let tensor, let why):
      "\(path): '\(tensor)' belongs to a model that \(why), which this one does not: its weights would compute "
        + "something else here; start from a plain ViT, DeiT, DeiT-III, DINOv2 or Swin"
    case .misfit(let path, let tensor, let from, let to, let advice):
      "\(path): '\(tensor)' has the shape \(from), and this model needs \(to); \(advice)"
    case .heads(let path, let width):
      "\(path): the file does not say how many attention heads a model of width \(width) has; set model.heads"
    }
  }
}
