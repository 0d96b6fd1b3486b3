import Fuzzing
import TestSupport
import Testing

/// A thousand hostile files of each format; `Benchmarks/fuzz.sh` runs 200,000.
@Suite("Hostile files")
struct SmokeTests {
  private static let formats = [
    "safetensors", "GGUF", "verify", "recipes", "runs", "IDX", "IDX, gzip", "CIFAR", "tar", "JPEG",
    "PNG",
    "WebP",
    "GIF", "BMP", "TIFF", "HEIC", "AVIF",
  ]

  @Test(
    "mutated files are read or are typed errors of one line, in no more memory than is promised",
    arguments: formats)
  func mutations(format: String) throws {
    try withTemporaryFolder { folder in
      guard let target = try FuzzTarget.all(in: folder).first(where: { $0.name == format }) else {
        // Some are there where their libraries are.
        #expect(["WebP", "TIFF", "HEIC", "AVIF"].contains(format))
        return
      }
      var campaign = FuzzCampaign(target, seed: 3, countsThread: true)
      try campaign.runSeeds()
      try campaign.run(cases: 1000)
      #expect(campaign.report.findings == [])
      // Both outcomes must occur, or the mutations would prove nothing.
      #expect((50...950).contains(campaign.report.accepted), "\(campaign.report.row)")
    }
  }
}
