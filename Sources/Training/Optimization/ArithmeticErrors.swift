import Files
import MXCompute
import MXLinear

// What the rooms below, which know neither recipes nor exit statuses, throw: what the command says of it.

extension NonFiniteTensor: ReportableError {
  package var category: ErrorCategory { .arithmetic }
  /// One line: what, where, and what to try.
  public var description: String {
    "\(tensor) holds a NaN or an infinity" + (step.map { " at step \($0)" } ?? "")
      + "; try a lower learning rate, a longer warm-up, or optimizer.clip_gradient_norm"
  }
}

extension UnknownInstructionSet: ReportableError {
  package var category: ErrorCategory { .usage }
}
