/// `text` as one line that a terminal shows as it is, whatever was quoted in it from outside:
/// control characters, line breaks and marks of direction are written out as \u{…}, bytes of names
/// that are no UTF-8 (`RawName`) as \x…, and of a text
/// of more than 2,000 characters the middle is left out.
package func oneLine(_ text: String) -> String {
  let scalars = text.unicodeScalars
  if scalars.count <= 2000, scalars.allSatisfy({ 0x20...0x7E ~= $0.value }) { return text }
  var result = String.UnicodeScalarView()
  for scalar in withoutMiddle(scalars) {
    if let byte = RawName.escaped(scalar) {
      result.append(contentsOf: byte.unicodeScalars)
      continue
    }
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned:
      let digits = String(scalar.value, radix: 16, uppercase: true)
      result.append(contentsOf: "\\u{\(digits)}".unicodeScalars)
    default: result.append(scalar)
    }
  }
  return String(withoutMiddle(result))
}

private func withoutMiddle(_ text: String.UnicodeScalarView) -> String.UnicodeScalarView {
  guard text.count > 2000 else { return text }
  var result = String.UnicodeScalarView(text.prefix(1300))
  result.append("…")
  result.append(contentsOf: text.suffix(699))
  return result
}
