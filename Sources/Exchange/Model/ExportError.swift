import Files

/// A model that cannot be taken away as it is asked for.
package enum ExportError: ReportableError, Equatable {
  /// Training had no 4-bit weights, so there are no codes.
  case noCodes(String, method: String)
  /// The layout has other formats than the weights.
  case format(String, found: String, layout: String)
  /// 4-bit activations in the format that the weights have.
  case activations(String, format: String)
  /// The layouts have groups along the inputs of a layer.
  case axis(String)
  /// The layouts have whole groups only.
  case inputs(String, tensor: String, inputs: Int, group: Int)
  /// A mean is subtracted from inputs that no layer in front of them can subtract.
  case mean(String, tensor: String, place: String)
  /// transformers have no such model.
  case noHubModel(String, family: String, layout: String)

  /// Bad data.
  package var category: ErrorCategory { .badData }

  /// One line.
  package var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .noCodes(let path, let method):
      "\(path): was trained by '\(method)', whose weights are not 4-bit ones: there are no codes to export; train it by "
        + "'tetrajet', or quantize it first ('tetrajet quantize')"
    case .format(let path, let found, let layout):
      "\(path): its weights are in \(found), which \(layout) has not: all layouts have mxfp4 (E2M1 elements in groups of 32), "
        + "and compressed-tensors nvfp4"
    case .activations(let path, let format):
      "\(path): its weights are in \(format), and '--activations mxfp4' goes with mxfp4 only; leave it out"
    case .axis(let path):
      "\(path): its groups lie along columns; these layouts have them along the inputs of a layer: quantize it along rows"
    case .inputs(let path, let tensor, let inputs, let group):
      "\(path): \(tensor) has \(inputs) inputs; these layouts have whole groups of \(group) only"
    case .mean(let path, let tensor, let place):
      "\(path): training subtracted \(tensor) \(place), which nothing in front can do; export it with --activations full, or "
        + "train it without that layer in quantizers.mean_split"
    case .noHubModel(let path, let family, let layout):
      "\(path): is a \(family), which transformers have no model for; export it as onnx, gguf or mlx, not as \(layout)"
    }
  }
}
