import Fuzzing
import ImageData
import Testing

/// Files of every format, which Pillow and other programs wrote, against the levels that Pillow decodes them to.
@Suite("Pictures as in Pillow")
struct PictureTests {
  private static let names = Picture.all.map(\.name)
  /// HEIC and AVIF lose a little, and Pillow brings libraries of its own for them.
  private static let exact = names.filter { !$0.hasSuffix(".heic") && !$0.hasSuffix(".avif") }

  /// A picture, where this system reads its format: of others the error says what to install.
  private func open(_ name: String) throws -> (file: EncodedImage, picture: Picture)? {
    let picture = try #require(Picture.all.first { $0.name == name })
    let format = try #require(
      ImageFormat.allCases.first { $0.fileExtensions.contains { name.hasSuffix($0) } })
    if format.isReadable {
      let file = try EncodedImage(picture.bytes, name: name)
      #expect(file.format == format)
      return (file, picture)
    }
    let error = #expect(throws: ImageError.self) { try EncodedImage(picture.bytes, name: name) }
    #expect(error?.fault == .libraryMissing(format) && error?.reason.contains("install") == true)
    return nil
  }

  private func worst(_ name: String) throws -> Int {
    guard let (file, picture) = try open(name) else { return 0 }
    let image = try file.decoded()
    #expect(image.width == file.width && image.height == file.height)
    let pixels = image.converted(channels: 3).pixels
    #expect(pixels.count == picture.levels.count)
    return zip(pixels, picture.levels).map { abs(Int($0) - Int($1)) }.max() ?? 255
  }

  @Test("a picture comes out as in Pillow, to the level", arguments: exact)
  func levels(name: String) throws {
    #expect(try worst(name) == 0)
  }

  @Test("HEIC and AVIF come out as in Pillow, but for what they lose", arguments: ["heic", "avif"])
  func lossy(ending: String) throws {
    #expect(try worst("plain.\(ending)") <= 8)
  }

  @Test("a picture that is cut off in its middle is an error that names it", arguments: names)
  func cut(name: String) throws {
    guard let (_, picture) = try open(name) else { return }
    let error = #expect(throws: ImageError.self) {
      try EncodedImage(Array(picture.bytes.prefix(picture.bytes.count / 2)), name: name).decoded()
    }
    #expect(error?.description.hasPrefix("\(name): ") == true)
  }

  @Test(
    "JPEGs of any sampling are decoded to a part of their size",
    arguments: names.filter { $0.hasSuffix(".jpg") }, [2, 4, 8])
  func reduced(name: String, reduction: Int) throws {
    guard let (file, _) = try open(name) else { return }
    let image = try file.decoded(reduction: reduction)
    #expect(image.width == (20 + reduction - 1) / reduction)
    #expect(image.height == (14 + reduction - 1) / reduction)
    // The means of the whole and of the part are nearly the same.
    func mean(_ image: Image) -> Double {
      Double(image.pixels.reduce(0) { $0 + Int($1) }) / Double(image.pixels.count)
    }
    #expect(abs(mean(image) - mean(try file.decoded())) < 16)
  }
}
