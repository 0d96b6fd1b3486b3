import CAllocationCounter
import Fuzzing
import ImageData
import Testing

/// Small files that once did harm, or would.
@Suite("Hostile segments and chunks")
struct HostileChunkTests {
  /// A PNG with one more chunk in front of its data.
  private func png(_ chunk: [UInt8]) -> [UInt8] {
    let file = PNGWriter.file(width: 3, height: 1, type: PNGWriter.grey, rows: [[1, 2, 3]])
    return file.prefix(33) + chunk + file.dropFirst(33)
  }

  @Test("a JPEG segment whose length does not even count itself is no place for an orientation")
  func segments() throws {
    let file = jpeg(pattern(8, 8, 3))
    let whole = try EncodedImage(file, name: "x").decoded()
    for length in [0, 1] as [UInt8] {
      for bytes in [
        file.prefix(2) + [0xFF, 0xE1, 0, length] + file.dropFirst(2),
        file.prefix(4) + [0, length] + file.dropFirst(6),
      ] {
        // The library takes such a length for a segment without content.
        #expect(try EncodedImage(Array(bytes), name: "x").decoded() == whole)
      }
    }
  }

  @Test(
    "a PNG chunk that claims more bytes than there are is an error before memory is taken for it")
  func chunkLength() throws {
    for name in ["IDAT", "sPLT", "iCCP", "PLTE", "abCd"] {
      for length in [0x7F, 0xFF] as [UInt8] {
        let chunk = [length, 0xFF, 0xFF, 0xF0] + Array(name.utf8) + [0, 0, 0, 0]
        allocation_counter_thread_start()
        let error = #expect(throws: ImageError.self) {
          try EncodedImage(png(chunk), name: "x").decoded()
        }
        allocation_counter_thread_stop()
        #expect(error?.description.contains("a chunk at byte 33 claims") == true)
        #expect(allocation_counter_thread_read().largest < 1 << 16)
      }
    }
  }

  @Test("texts, previews and false colour profiles are left out, whatever they inflate to")
  func passedOver() throws {
    let plain = try EncodedImage(png([]), name: "x").decoded()
    let bomb = zlib([UInt8](repeating: 0x7F, count: 5_000_000))
    for (name, content) in [
      ("zTXt", Array("a\0\0".utf8) + bomb), ("iTXt", Array("a\0\u{1}\0\0\0".utf8) + bomb),
      ("tEXt", Array("a\0b".utf8)), ("sPLT", [97, 0, 8, 1, 2, 3, 4, 0, 0]), ("eXIf", [1, 2]),
      ("zTXt", Array("Raw profile type exif\0\0".utf8) + bomb),
      ("iCCP", Array("a\0\0".utf8) + bomb), ("iCCP", []), ("iCCP", [97, 0, 0, 1]),
    ] {
      allocation_counter_thread_start()
      let image = try EncodedImage(png(PNGWriter.chunk(name, content)), name: "x").decoded()
      allocation_counter_thread_stop()
      #expect(image == plain, "\(name)")
      let most = Int(allocation_counter_thread_read().live_peak)
      #expect(most < 16 * (content.count + 80) + 1 << 16, "\(name): \(most)")
    }
    // What lies behind the end is left out, too.
    #expect(try EncodedImage(png([]) + [1, 2, 3], name: "x").decoded() == plain)
    #expect(try EncodedImage(png([]) + [1, 2, 3], name: "x").byteCount == png([]).count + 3)
  }
}
