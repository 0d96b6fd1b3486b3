import CAllocationCounter
import CTurboJPEG
import Fuzzing
import ImageData
import Testing

@Suite("What a file of so many bytes can hold")
struct ImageBoundTests {
  /// The file with another size in its frame header (FF C0, FF C2), behind length and depth.
  private func claiming(_ width: Int, _ height: Int, _ file: [UInt8]) throws -> [UInt8] {
    let marker = try #require(
      file.indices.dropLast().first { file[$0] == 0xFF && [0xC0, 0xC2].contains(file[$0 + 1]) })
    var file = file
    let size = [height >> 8, height & 255, width >> 8, width & 255].map { UInt8($0) }
    file.replaceSubrange(marker + 5..<marker + 9, with: size)
    return file
  }

  private func check(_ bytes: [UInt8], width: Int, height: Int) {
    allocation_counter_thread_start()
    let error = #expect(throws: ImageError.self) {
      _ = try EncodedImage(bytes, name: "x").decoded()
    }
    allocation_counter_thread_stop()
    guard case .implausible(width, height, let found) = error?.fault else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(found <= bytes.count)
    let most = allocation_counter_thread_read().live_peak
    #expect(most < 1 << 19, "\(most) bytes")
  }

  @Test("a header that claims more pixels than the file can hold is an error and gets no memory")
  func lies() throws {
    let dot = try claiming(9984, 9984, jpeg(pattern(1, 1, 1)))
    check(dot, width: 9984, height: 9984)
    let progressive = jpeg(
      pattern(8, 8, 3).pixels, width: 8, height: 8, format: TJPF_RGB, subsampling: TJSAMP_420,
      flags: TJFLAG_PROGRESSIVE)
    check(try claiming(9000, 9000, progressive), width: 9000, height: 9000)
    for type in [PNGWriter.grey, PNGWriter.colourAlpha] {
      let file = PNGWriter.file(width: 9984, height: 9984, type: type, rows: [[1, 2, 3, 4]])
      check(file, width: 9984, height: 9984)
    }
    let squares = PNGWriter.file(width: 16384, height: 16384, type: PNGWriter.grey, rows: [[1]])
    #expect(
      throws: ImageError(name: "x", fault: .size(width: 16384, height: 16384)),
      performing: { try EncodedImage(squares, name: "x") })
  }

  @Test("a TIFF that claims many rows in a single strip gets no tables for the pieces of it")
  func rows() throws {
    guard ImageFormat.tiff.isReadable else { return }
    let picture = try #require(Picture.all.first { $0.name == "RGB.tif" })
    var file = picture.bytes
    #expect(file.starts(with: "II*\0".utf8))
    // Entries of 12 bytes: the number of rows, and how many of them are a strip.
    let start = Int(file[4]) | Int(file[5]) << 8
    for entry in 0..<Int(file[start]) {
      let place = start + 2 + 12 * entry
      if Array(file[place..<place + 2]) == [1, 1] {
        file.replaceSubrange(place + 2..<place + 12, with: [4, 0, 1, 0, 0, 0, 0, 0, 0, 0x50])
      }
      if Array(file[place..<place + 2]) == [22, 1] { file[place + 1] = 0xF0 }
    }
    allocation_counter_thread_start()
    let error = #expect(throws: ImageError.self) { try EncodedImage(file, name: "x") }
    allocation_counter_thread_stop()
    guard case .size(_, 0x5000_0000) = error?.fault else {
      Issue.record("\(String(describing: error))")
      return
    }
    let most = allocation_counter_thread_read().live_peak
    #expect(most < 1 << 19, "\(most) bytes")
  }

  @Test("an AVIF whose picture claims to be larger than the file says gets no memory for it")
  func sizeTwice() throws {
    guard ImageFormat.avif.isReadable else { return }
    var file = try #require(Picture.all.first { $0.name == "plain.avif" }).bytes
    // The sequence header, with 10158 x 8226 pixels in place of 20 x 14.
    let header: [UInt8] = [0x38, 0x10, 0xE7, 0xAD]
    let place = try #require(file.indices.first { file[$0...].starts(with: header) })
    file[place + 1] = 0x77
    allocation_counter_thread_start()
    let error = #expect(throws: ImageError.self) { try EncodedImage(file, name: "x").decoded() }
    allocation_counter_thread_stop()
    #expect("\(try #require(error))".contains("its pictures claim 83559708 pixels, its boxes 280"))
    let most = allocation_counter_thread_read().live_peak
    #expect(most < 1 << 24, "\(most) bytes")
  }

  @Test("an extent in an AVIF's boxes whose product is the largest number there is ends no process")
  func largestExtent() throws {
    guard ImageFormat.avif.isReadable else { return }
    let plain = try #require(Picture.all.first { $0.name == "plain.avif" }).bytes
    // One more size (`ispe`) at the end of the list of properties, which no picture has: 2³¹ + 1 by 2³² − 2 pixels.
    let extent: [UInt8] =
      [0, 0, 0, 20] + Array("ispe".utf8) + [0, 0, 0, 0, 0x80, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFE]
    var file = plain
    func place(of bytes: [UInt8]) throws -> Int {
      try #require(file.indices.first { file[$0...].starts(with: bytes) })
    }
    // Where the picture begins, and the lengths of the boxes around.
    file[try place(of: [0, 0, 1, 0x13]) + 3] += 20
    for kind in ["meta", "iprp", "ipco"] { file[try place(of: Array(kind.utf8)) - 1] += 20 }
    let list = try place(of: Array("ipco".utf8)) - 4
    file.insert(contentsOf: extent, at: list + Int(file[list + 3]) - extent.count)
    let pixels = try EncodedImage(plain, name: "x").decoded().pixels
    #expect(try EncodedImage(file, name: "x").decoded().pixels == pixels)
  }

  @Test("images of one colour, which need fewest bytes, are far from the bound", arguments: [1, 3])
  func flat(channels: Int) throws {
    for (width, height) in [
      (1, 1), (8, 8), (9, 17), (1, 5000), (5000, 1), (1500, 1200), (64, 4096),
    ] {
      let pixels = [UInt8](repeating: 77, count: width * height * channels)
      let image = Image(width: width, height: height, channels: channels, pixels: pixels)
      let png = try EncodedImage(PNGEncoder.encode(image, name: "x"), name: "x")
      #expect(png.width == width && png.height == height)
      for subsampling in channels == 1 ? [TJSAMP_GRAY] : [TJSAMP_420, TJSAMP_444, TJSAMP_411] {
        for flags in [0, TJFLAG_PROGRESSIVE] {
          let file = jpeg(
            pixels, width: width, height: height, format: channels == 1 ? TJPF_GRAY : TJPF_RGB,
            subsampling: subsampling, quality: 1, flags: flags)
          let decoded = try EncodedImage(file, name: "x").decoded()
          #expect(decoded.width == width && decoded.height == height)
        }
      }
    }
  }
}
