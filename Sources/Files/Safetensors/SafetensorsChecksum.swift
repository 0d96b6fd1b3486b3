/// The hash that a safetensors file can carry of itself: the SHA-256 of all its bytes, with zeros in place of the hash's own
/// 64 digits, in the metadata `tetrajet.sha256`.
///
/// Readers that do not know it see one more note.
enum SafetensorsChecksum {
  /// The metadata's key.
  static let key = "tetrajet.sha256"
  /// What stands for the digits while the hash is taken.
  static let blank = String(repeating: "0", count: 64)

  /// What stands before the digits. No string can hold it: a quotation mark in a string has a backslash before it.
  private static let lead = Array("\"\(key)\":\"".utf8)

  /// Puts 64 digits where the header has its hash; a header in which none is found stays, and will not have the hash that
  /// it claims.
  static func replace(in header: inout [UInt8], by digits: String) {
    guard let start = header.firstRange(of: lead)?.upperBound,
      start + blank.utf8.count <= header.count
    else { return }
    header.replaceSubrange(start..<start + blank.utf8.count, with: digits.utf8)
  }
}
