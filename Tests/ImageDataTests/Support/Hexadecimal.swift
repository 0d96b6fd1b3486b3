/// The bytes that a text of hexadecimal digits stands for.
func bytes(hexadecimal text: String) -> [UInt8] {
  let digits = Array(text)
  return stride(from: 0, to: digits.count, by: 2).map {
    UInt8(String(digits[$0..<$0 + 2]), radix: 16)!
  }
}
