/// Which exit status an error from outside leads to (the numbers of BSD's sysexits).
package enum ErrorCategory: Int32, Sendable {
  /// The command or a recipe was used wrongly.
  case usage = 64
  /// A file's content is not what it should be.
  case badData = 65
  /// The arithmetic went wrong: a number is not finite.
  case arithmetic = 70
  /// The system could not read or write.
  case inputOutput = 74
}

/// An error whose cause lies outside the program: data first, one line of text second.
///
/// The text says what was found, where, what was expected and what to try.
package protocol ReportableError: Error, CustomStringConvertible, Sendable {
  /// What kind of fault this is.
  var category: ErrorCategory { get }
}
