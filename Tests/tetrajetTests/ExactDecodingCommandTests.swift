import Files
import Foundation
import Fuzzing
import ImageData
import TestSupport
import Testing
import Training

@Suite("JPEGs decoded whole")
struct ExactDecodingCommandTests {
  /// Fine detail, of which a reduced decode makes something else than the resampling of the whole.
  private let photo = Image(
    width: 330, height: 270, channels: 3,
    pixels: (0..<330 * 270).flatMap { place in
      let (x, y) = (Double(place % 330), Double(place / 330))
      return [0, 2, 4].map { UInt8(127.5 + 127 * sin(x * y / 300 + $0 + x / 3)) }
    })

  @Test(
    "with data.exact_decoding a JPEG gives what its whole pixels give; without, something near",
    arguments: [
      ["--evaluation"], ["--evaluation", "--set", "data.crop_ratio=0.875"],
      ["--count", "4", "--set", "augmentation.crop=padded", "--set", "data.crop_padding=4"],
      [
        "--count", "9", "--set", "augmentation.crop=resized", "--set",
        "augmentation.policy=rand-m9-mstd0.5-inc1",
      ],
    ])
  func pixels(arguments: [String]) throws {
    try withTemporaryFolder { folder in
      let bytes = jpeg(photo)
      try write(Data(bytes), folder, ["photo.jpg"])
      let whole = try EncodedImage(bytes, name: "photo.jpg").decoded()
      try write(Data(PNGEncoder.encode(whole, name: "photo.png")), folder, ["photo.png"])
      func shown(_ file: String, _ isExact: Bool) throws -> Image {
        let out = "\(folder)/\(file)-\(isExact).png"
        let result = try tetrajet(
          ["augment", "\(folder)/\(file)", out, "--size", "32", "--seed", "3"] + arguments
            + ["--set", "data.exact_decoding=\(isExact)"])
        try #require(result.status == 0, "\(result)")
        return try EncodedImage(readFile(out), name: out).decoded()
      }
      let expected = try shown("photo.png", false)
      let (exact, reduced) = (try shown("photo.jpg", true), try shown("photo.jpg", false))
      let (isExact, isReduced) = (exact == expected, reduced == expected)
      #expect(isExact && !isReduced)
      #expect(reduced.width == expected.width && reduced.height == expected.height)
    }
  }

  @Test("a training with the key sees other images, and its run says so")
  func training() throws {
    try withTemporaryFolder { folder in
      for (index, name) in ["train/a/1.jpg", "train/b/1.jpg", "test/a/1.jpg", "test/b/1.jpg"]
        .enumerated()
      {
        let image = photo.applying(.rotate(Double(20 * index)), fill: [0, 0, 0])
        try write(Data(jpeg(image)), "\(folder)/data", [name])
      }
      var hashes: [String] = []
      for isExact in ["true", "false"] {
        let run = "\(folder)/\(isExact)"
        let result = try tetrajet(
          "train", "--data", "\(folder)/data", "--method", "fp32", "--image-size", "32", "--epochs",
          "1", "--set", "model.depth=1", "--set", "statistics.enabled=false", "--output", run,
          "--set", "data.exact_decoding=\(isExact)")
        try #require(result.status == 0, "\(result.errors)")
        hashes.append(try #require(RunSummary(path: "\(run)/summary.json").weightsSHA256))
        #expect(text("\(run)/recipe.yaml").contains("exact_decoding: \(isExact)\n"))
      }
      #expect(hashes[0] != hashes[1])
    }
  }
}
