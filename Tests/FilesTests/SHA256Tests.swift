import Files
import Testing

@Suite("SHA-256")
struct SHA256Tests {
  @Test(
    "the published examples (FIPS 180-4, NIST's example values)",
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
      (
        String(repeating: "a", count: 1_000_000),
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
      ),
    ])
  func examples(text: String, digits: String) {
    for usesInstructions in [true, false] {
      var hash = SHA256(usesInstructions: usesInstructions)
      hash.update(Array(text.utf8))
      #expect(hash.digits() == digits)
    }
  }

  @Test("bytes may come in pieces of any length")
  func pieces() {
    let bytes = (0..<400).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    for length in 0...200 {
      var plain = SHA256(usesInstructions: false)
      plain.update(Array(bytes.prefix(length)))
      let whole = plain.digits()
      #expect(bytes.prefix(length).withUnsafeBytes { SHA256.digits(of: $0) } == whole)
      for piece in [1, 3, 63, 64, 65, 130] {
        var hash = SHA256()
        for start in stride(from: 0, to: length, by: piece) {
          hash.update(Array(bytes[start..<min(start + piece, length)]))
        }
        #expect(hash.digits() == whole, "\(length) bytes in pieces of \(piece)")
      }
    }
  }
}
