import Files
import Foundation
import Fuzzing
import ImageData
import MXRuntime
import Testing

/// Mutations of whole files. That the process survives them is the test; under the address
/// sanitizer, that it does so without a false step and without a leak: see
/// `Benchmarks/fuzz.sh photographs`.
@Suite("Hostile photographs", .serialized)
struct HostilePhotoTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let photos = environment["TETRAJET_PHOTOS"]
  private static let cases = environment["TETRAJET_MUTATIONS"].flatMap { Int($0) } ?? 2000

  @Test("flipped, cut, spliced and torn files of a few kilobytes are images or typed errors")
  func small() throws {
    let images = (0..<6).map {
      pattern(40 + 17 * $0, 100 - 11 * $0, $0 % 3 == 2 ? 1 : 3, start: $0)
    }
    let jpegs = images.map(jpeg)
    let pngs = try images.map { try PNGEncoder.encode($0, name: "x") }
    var report = MutationReport()
    for item in 0..<300 {
      report.add(item, of: jpegs + pngs, seed: 7, repair: { $0 })
    }
    // Behind right checksums lies more of the library.
    for item in 300..<400 {
      report.add(item, of: pngs, seed: 7, repair: PNGWriter.withChecksums)
    }
    #expect(report.unexpected == [])
    #expect(report.decoded > 10 && report.refused > 10)
  }

  @Test(
    "mutated photographs are images or typed errors, within a second each",
    .enabled(if: photos != nil, "TETRAJET_PHOTOS names no folder of photographs"))
  func photographs() throws {
    let folder = Self.photos ?? ""
    let names = (FileManager.default.enumerator(atPath: folder)?.allObjects as? [String] ?? [])
      .sorted().filter { $0.lowercased().hasSuffix(".jpg") || $0.lowercased().hasSuffix(".jpeg") }
    let jpegs = try names.prefix(200).map { try readFile("\(folder)/\($0)") }
    try #require(!jpegs.isEmpty, "no JPEG files in \(folder)")
    // As many PNG files, of the photographs' small copies.
    let pngs = try jpegs.prefix(40).map { bytes in
      let image = try ImageContent.file(EncodedImage(bytes, name: "x")).image(reduction: 4)
      return try PNGEncoder.encode(image, name: "x")
    }
    var memory: [Double] = []
    for (kind, files) in [("JPEG", jpegs), ("PNG", pngs)] {
      var report = MutationReport()
      let isPNG = kind == "PNG"
      for item in 0..<Self.cases {
        // Every second PNG gets right checksums, so that the damage reaches what lies behind them.
        report.add(item, of: files, seed: 11) {
          isPNG && item / Mutation.allCases.count % 2 == 1 ? PNGWriter.withChecksums($0) : $0
        }
        if item % 500 == 499 { memory.append(ProcessUsage.peakMemory) }
      }
      print(
        "\(kind): \(Self.cases) mutations, \(report.decoded) decoded, \(report.refused) refused, "
          + "slowest \(report.slowest) (case \(report.slowestCase))")
      #expect(report.unexpected == [])
      #expect(report.slowest < .seconds(Self.environment["TETRAJET_SANITIZED"] == nil ? 1 : 5))
      #expect(report.decoded > 0 && report.refused > 0)
    }
    print("peak memory after each 500 of them, in MiB: \(memory.map { Int($0) })")
  }
}
