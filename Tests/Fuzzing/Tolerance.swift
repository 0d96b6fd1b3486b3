import Files

/// Something that no reader may throw.
struct UnexpectedError: Error, CustomStringConvertible {
  let description: String
}

/// Why an error is none that a reader may throw, or nil where it is: a typed one whose text is one
/// line that can be read.
func objection(to error: any Error) -> String? {
  guard let error = error as? any ReportableError else {
    return "an error of no type: \(type(of: error)) \(error)"
  }
  let text = error.description
  if text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
    return "an error of several lines: \(text.prefix(300).debugDescription)"
  }
  return text.unicodeScalars.count > 2000 ? "an error of \(text.count) characters" : nil
}

/// Goes on after an error that a reader may throw; whether there was none.
@discardableResult
func tolerating(_ body: () throws -> Void) throws -> Bool {
  do {
    try body()
    return true
  } catch {
    if let text = objection(to: error) { throw UnexpectedError(description: text) }
    return false
  }
}
