import CTurboJPEG
import Fuzzing
import ImageData
import MXRuntime
import Testing

/// Damaged files, from a fixed seed: each decodes to an image or throws an `ImageError`; that the
/// process survives is the test.
@Suite("Hostile bytes")
struct HostileBytesTests {
  private static let seed: UInt64 = 20_240_611

  private func mutated(_ file: [UInt8], _ random: inout RandomSequence) -> [UInt8] {
    var file = file
    for _ in 0...random.integer(below: 4) {
      switch random.integer(below: 5) {
      case 0: file.removeLast(random.integer(below: max(1, file.count / 4)))
      case 1:
        let start = random.integer(below: file.count)
        file.removeSubrange(start..<min(file.count, start + random.integer(below: 8)))
      case 2:
        file.insert(
          UInt8(truncatingIfNeeded: random.nextBits()), at: random.integer(below: file.count))
      default:
        // Headers are where a byte does most: half of the changes go there.
        let range = random.integer(below: 2) == 0 ? min(file.count, 200) : file.count
        file[random.integer(below: range)] = UInt8(truncatingIfNeeded: random.nextBits())
      }
    }
    return file
  }

  /// How many of `cases` mutations of the files still decode.
  private func decoded(
    _ files: [[UInt8]], cases: Int, repair: ([UInt8]) -> [UInt8] = { $0 }
  ) -> Int {
    var images = 0
    for item in 0..<cases {
      var random = RandomStream(seed: Self.seed, purpose: .benchmark).sequence(item: item)
      let bytes = repair(mutated(files[item % files.count], &random))
      do {
        let image = try EncodedImage(bytes, name: "case \(item)").decoded()
        #expect(image.width * image.height <= Image.maximumPixels)
        images += 1
      } catch {
        #expect(error is ImageError, "case \(item) of seed \(Self.seed): \(error)")
      }
    }
    return images
  }

  @Test("mutated JPEGs decode or are typed errors")
  func jpegs() throws {
    let cmyk = jpeg(
      pattern(16, 16, 1).pixels + pattern(48, 16, 1).pixels, width: 16, height: 16,
      format: TJPF_CMYK, subsampling: TJSAMP_444)
    let images = decoded(
      [jpeg(pattern(33, 21, 3)), jpeg(pattern(16, 24, 1)), cmyk], cases: 300)
    // Both outcomes must occur, or the mutations would prove nothing.
    #expect(images > 0 && images < 300)
  }

  @Test("mutated PNGs decode or are typed errors, with and without right checksums")
  func pngs() {
    let rows = (0..<9).map { Array(pattern(12 * 4, 1, 1, start: $0).pixels) }
    let files = [
      PNGWriter.file(width: 12, height: 9, type: PNGWriter.colourAlpha, rows: rows),
      PNGWriter.file(
        width: 48, height: 9, type: PNGWriter.palette, rows: rows,
        chunks: [("PLTE", pattern(768, 1, 1).pixels), ("tRNS", [0, 128])]),
    ]
    #expect(decoded(files, cases: 150) < 150)
    let images = decoded(files, cases: 200, repair: PNGWriter.withChecksums)
    #expect(images > 0 && images < 200)
  }
}
