extension ImageFormat {
  /// The format that the first bytes of a file tell.
  init?(signatureOf bytes: [UInt8]) {
    guard let format = Self.allCases.first(where: { $0.isSignature(bytes) }) else { return nil }
    self = format
  }

  private func isSignature(_ bytes: [UInt8]) -> Bool {
    switch self {
    case .jpeg: bytes.starts(with: [0xFF, 0xD8])
    case .png: bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
    case .webp: bytes.starts(with: "RIFF".utf8) && bytes.dropFirst(8).starts(with: "WEBP".utf8)
    case .gif: bytes.starts(with: "GIF87a".utf8) || bytes.starts(with: "GIF89a".utf8)
    case .bmp: bytes.starts(with: "BM".utf8)
    case .tiff:
      // Version 42, or 43 for files above 4 GiB, in either order of bytes.
      ["II*\0", "MM\0*", "II+\0", "MM\0+"].contains { bytes.starts(with: $0.utf8) }
    case .avif: Self.brands(bytes).contains { ["avif", "avis"].contains($0) }
    case .heic:
      Self.brands(bytes).contains {
        ["heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"].contains($0)
      } && !ImageFormat.avif.isSignature(bytes)
    }
  }

  /// The brands of a file in the ISO base media format (ISO/IEC 14496-12, 4.3): its box `ftyp` names what the file is
  /// and what else it may be read as.
  private static func brands(_ bytes: [UInt8]) -> [String] {
    guard bytes.count >= 16, bytes[4..<8].elementsEqual("ftyp".utf8) else { return [] }
    let length = bytes[0..<4].reduce(0) { $0 << 8 | Int($1) }
    let end = min(bytes.count, length, 256)
    // Behind the first brand stands its version.
    return stride(from: 8, to: end - 3, by: 4).filter { $0 != 12 }.map {
      String(decoding: bytes[$0..<$0 + 4], as: UTF8.self)
    }
  }
}
