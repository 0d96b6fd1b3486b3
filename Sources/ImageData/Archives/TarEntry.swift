/// A file in a tar archive.
package struct TarEntry: Sendable {
  /// Its path inside the archive, as folders and name that lead down from the archive's top: no "."
  /// and no "..", no slash in front.
  package let name: String
  /// The byte of the archive at which its content starts.
  package let offset: Int
  /// Bytes of content.
  package let size: Int

  /// A path without what leads nowhere or back; empty for the archive's top. What would lead out of
  /// the archive stays at its top: names serve for messages and labels, no file is ever made of
  /// them.
  package static func normalized(_ path: [UInt8]) -> String {
    var components: [ArraySlice<UInt8>] = []
    for component in path.split(separator: UInt8(ascii: "/")) {
      if component.elementsEqual(".".utf8) { continue }
      if component.elementsEqual("..".utf8) {
        _ = components.popLast()
      } else {
        components.append(component)
      }
    }
    let bytes = Array(components.joined(separator: "/".utf8))
    // What is no UTF-8 is taken for Latin-1: with replacement characters two files could become one.
    return String(validating: bytes, as: UTF8.self)
      ?? String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
  }
}
