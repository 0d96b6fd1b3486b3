import Foundation

/// What standard error can show.
enum Terminal {
  /// Whether a line can be drawn over: it is a terminal, and one that knows escape sequences. TERM
  /// says so; an editor's shell or a log sets it to "dumb", or not at all.
  ///
  /// The command writes no colours, so that NO_COLOR (no-color.org) has nothing to switch off: a
  /// bar that moves is not one.
  static var canRedraw: Bool {
    let name = ProcessInfo.processInfo.environment["TERM"] ?? ""
    return isatty(STDERR_FILENO) == 1 && !["", "dumb"].contains(name)
  }
}
