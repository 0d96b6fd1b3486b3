import CTurboJPEG
import Fuzzing
import ImageData
import Testing

/// JPEG files that some writer left odd, with every pixel in them.
@Suite("Odd JPEGs that are whole")
struct WholeJPEGTests {
  private let file = jpeg(
    pattern(45, 29, 3).pixels, width: 45, height: 29, format: TJPF_RGB, subsampling: TJSAMP_420)

  private func decoded(_ bytes: [UInt8], reduction: Int = 1) throws -> Image {
    try EncodedImage(bytes, name: "x").decoded(reduction: reduction)
  }

  /// Where a marker's segment starts.
  private func place(_ marker: UInt8, in file: [UInt8]) throws -> Int {
    try #require(file.indices.dropLast().first { file[$0] == 0xFF && file[$0 + 1] == marker })
  }

  @Test("an unknown revision of JFIF changes nothing")
  func revision() throws {
    var odd = file
    // Marker, length, "JFIF" and a zero: then the revision.
    odd[try place(0xE0, in: file) + 9] = 2
    #expect(odd != file)
    #expect(try decoded(odd) == decoded(file))
  }

  @Test("an unknown transform in Adobe's segment counts as YCbCr")
  func transform() throws {
    let start = try place(0xE0, in: file)
    let adobe: [UInt8] = [0xFF, 0xEE, 0, 14] + Array("Adobe".utf8) + [0, 100, 0, 0, 0, 0]
    let rest = file[(start + 18)...]
    #expect(try decoded(file[..<start] + adobe + [7] + rest) == decoded(file))
    // With transform 0 the same values are red, green and blue.
    #expect(try decoded(file[..<start] + adobe + [0] + rest) != decoded(file))
  }

  @Test(
    "wrong parameters of a scan, bytes between segments and trailers of any length are passed over",
    arguments: [0, 100, 2000, 10_000_000])
  func trailers(length: Int) throws {
    let whole = try decoded(file)
    var odd = file
    // Marker, length, components, two bytes for each of three: then the first and last coefficient.
    let scan = try place(0xDA, in: file)
    odd.replaceSubrange(scan + 11..<scan + 14, with: [0, 0, 0])
    #expect(odd != file)
    odd.insert(contentsOf: [0, 17, 0, 4], at: scan)
    odd += (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    #expect(try decoded(odd) == whole)
    #expect(try decoded(odd, reduction: 4) == decoded(file, reduction: 4))
  }

  @Test(
    "a file that ends inside its pixels or lacks its end is an error, with a trailer or without")
  func truncated() throws {
    for missing in [1, 2, 3, 50, 400] {
      let cut = Array(file.dropLast(missing))
      let error = #expect(throws: ImageError.self) { try decoded(cut) }
      #expect(
        error?.fault == .damaged(.jpeg, "the file ends before the image does"), "\(missing)")
      #expect(throws: ImageError.self) { try decoded(cut, reduction: 8) }
    }
  }

  @Test("more scans than a picture has use for are an error")
  func scans() throws {
    let progressive = jpeg(
      pattern(45, 29, 3).pixels, width: 45, height: 29, format: TJPF_RGB, subsampling: TJSAMP_420,
      flags: TJFLAG_PROGRESSIVE)
    _ = try decoded(progressive)
    // The last scan, which refines what is there, again and again.
    let starts = progressive.indices.dropLast().filter {
      progressive[$0] == 0xFF && progressive[$0 + 1] == 0xDA
    }
    let last = progressive[starts.last!...].dropLast(2)
    var bomb = Array(progressive.dropLast(2))
    for _ in 0..<600 { bomb += last }
    bomb += [0xFF, 0xD9]
    let error = #expect(throws: ImageError.self) { try decoded(bomb) }
    #expect(error?.fault == .damaged(.jpeg, "more than 500 scans"))
  }

  @Test("a JPEG of more pixels than are decoded is decoded to a half at least")
  func larger() throws {
    // 20,000 × 10,000: 200 megapixels.
    let grey = jpeg(
      [UInt8](repeating: 90, count: 200_000_000), width: 20_000, height: 10_000,
      format: TJPF_GRAY, subsampling: TJSAMP_GRAY, quality: 50)
    let file = try EncodedImage(grey, name: "x")
    #expect(file.leastReduction == 2)
    let image = try file.decoded()
    #expect(image.width == 10_000 && image.height == 5_000)
    // Where less is needed, an eighth is decoded.
    let fitted = try ImageContent.file(file).fitted(size: 16, channels: 1)
    #expect(fitted.pixels.allSatisfy { (89...91).contains($0) })
  }
}
