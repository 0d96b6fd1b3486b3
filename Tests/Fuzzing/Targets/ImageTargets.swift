import CTurboJPEG
import ImageData
import MXRuntime

extension FuzzTarget {
  /// JPEG files: the header, a decoding at every reduction in turn, the way of evaluation.
  static func jpeg(in folder: String) -> FuzzTarget {
    let colour = noise(19, 13, 3)
    let flat = [UInt8](repeating: 99, count: 3 * 64 * 48)
    func file(
      _ pixels: [UInt8], _ width: Int, _ height: Int, _ format: TJPF, _ subsampling: TJSAMP,
      _ flags: Int32 = 0
    ) -> [UInt8] {
      Fuzzing.jpeg(
        pixels, width: width, height: height, format: format, subsampling: subsampling,
        quality: 75, flags: flags)
    }
    let plain = file(colour, 19, 13, TJPF_RGB, TJSAMP_420)
    // A turned one: an EXIF block that says so, behind the first marker.
    let exif: [UInt8] =
      [0xFF, 0xE1, 0, 34] + Array("Exif\0\0MM\0*".utf8) + [0, 0, 0, 8, 0, 1]
      + [1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0] + [0, 0, 0, 0]
    let seeds =
      [
        plain, file(colour, 19, 13, TJPF_RGB, TJSAMP_444, TJFLAG_PROGRESSIVE),
        file(noise(16, 24, 1), 16, 24, TJPF_GRAY, TJSAMP_GRAY),
        file(noise(16, 8, 4), 16, 8, TJPF_CMYK, TJSAMP_444),
        file(flat, 64, 48, TJPF_RGB, TJSAMP_422),
        file(flat, 64, 48, TJPF_RGB, TJSAMP_420, TJFLAG_PROGRESSIVE),
        Array(plain.prefix(2)) + exif + plain.dropFirst(2),
      ] + Picture.files(.jpeg)
    return image("JPEG", seeds, in: folder, ending: "jpg") { file, _ in file }
  }

  /// PNG files: the header, the decoding, the way of evaluation.
  static func png(in folder: String) -> FuzzTarget {
    let rows = (0..<9).map { row in noise(48, 1, 1).map { $0 &+ UInt8(row) } }
    func file(
      _ width: Int, _ depth: UInt8, _ type: UInt8, _ chunks: [(String, [UInt8])] = []
    ) -> [UInt8] {
      PNGWriter.file(width: width, height: 9, depth: depth, type: type, rows: rows, chunks: chunks)
    }
    let palette = noise(256, 1, 3)
    let encoded = [(19, 13, 3), (33, 40, 1)].map { width, height, channels in
      let image = Image(
        width: width, height: height, channels: channels, pixels: noise(width, height, channels))
      return (try? PNGEncoder.encode(image, name: "seed")) ?? []
    }
    let seeds =
      encoded + [
        file(12, 8, PNGWriter.colourAlpha), file(6, 16, PNGWriter.colourAlpha),
        file(48, 8, PNGWriter.palette, [("PLTE", palette), ("tRNS", [0, 128])]),
        file(384, 1, PNGWriter.grey, [("gAMA", [0, 0, 0xB1, 0x8F])]),
        file(24, 8, PNGWriter.greyAlpha, [("tEXt", Array("a\0b".utf8))]),
        file(
          16, 8, PNGWriter.colour,
          [("iCCP", Array("icc\0\0".utf8) + zlib([UInt8](repeating: 0, count: 256)))]),
        file(
          48, 8, PNGWriter.grey,
          [("zTXt", Array("text\0\0".utf8) + zlib([UInt8](repeating: 65, count: 50_000)))]),
      ]
    return image("PNG", seeds + Picture.files(.png), in: folder, ending: "png") { file, random in
      PNGWriter.withChecksums(file)
    }
  }

  /// Files of the other formats: the pictures of the tests, where this system reads them.
  static func pictures(_ format: ImageFormat, in folder: String) -> FuzzTarget? {
    guard format.isReadable else { return nil }
    return image(
      format.rawValue, Picture.files(format), in: folder,
      ending: format.fileExtensions[0].filter { $0 != "." }
    ) { file, _ in file }
  }

  private static func image(
    _ name: String, _ seeds: [[UInt8]], in folder: String, ending: String,
    repair: @escaping ([UInt8], inout RandomSequence) -> [UInt8]
  ) -> FuzzTarget {
    FuzzTarget(
      name: name, seeds: seeds, tokens: imageTokens, path: "\(folder)/input.\(ending)",
      tables: 1 << (["WebP": 22, "TIFF": 22, "HEIC": 24, "AVIF": 24][name] ?? 19),
      repair: repair,
      unpacked: { bytes in
        (try? EncodedImage(bytes, name: "x")).map { $0.width * $0.height } ?? 0
      }
    ) { bytes in
      let file = try EncodedImage(bytes, name: "input.\(ending)")
      let image = try file.decoded()
      guard image.width == file.width, image.height == file.height else {
        throw UnexpectedError(description: "pixels of another size than the header's")
      }
      _ = try ImageContent.file(file).image(reduction: 2 << (bytes.count % 3))
      _ = try ImageContent.file(file).fitted(size: 16, channels: 3)
    }
  }

  /// Values without a pattern, always the same.
  private static func noise(_ width: Int, _ height: Int, _ channels: Int) -> [UInt8] {
    var random = RandomStream(seed: 5, purpose: .benchmark).sequence(item: width)
    return (0..<width * height * channels).map { _ in UInt8(random.integer(below: 256)) }
  }

  private static let imageTokens = [
    "IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA", "iCCP", "zTXt", "iTXt", "sBIT", "cHRM", "sPLT",
    "hIST", "eXIf", "acTL", "fdAT", "Exif\0\0", "II*\0", "MM\0*", "ICC_PROFILE\0", "Adobe",
    "JFIF\0", "VP8X", "VP8L", "VP8 ", "ALPH", "ANMF", "EXIF", "XMP ", "tiff:Orientation=\"6\"",
    "ftyp", "meta",
    "iloc", "iprp", "ipco", "ispe", "irot", "av1C", "hvcC", "pitm", "iinf",
  ]
}
