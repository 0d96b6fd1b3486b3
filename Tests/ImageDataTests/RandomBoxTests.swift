import Foundation
import ImageData
import MXRuntime
import Testing

@Suite("Random boxes: crops and erasing")
struct RandomBoxTests {
  private func crops(
    _ width: Int, _ height: Int, scale: ClosedRange<Double> = 0.08...1,
    ratio: ClosedRange<Double> = 0.75...4 / 3.0, count: Int = 2000
  ) -> [CropBox] {
    (0..<count).map { item in
      var random = RandomStream(seed: 9, purpose: .augmentation).sequence(item: item)
      return CropBox.random(width: width, height: height, scale: scale, ratio: ratio, &random)
    }
  }

  @Test(
    "a crop lies inside, its area and ratio in their ranges", arguments: [(500, 375), (64, 64)])
  func ranges(width: Int, height: Int) {
    for box in crops(width, height) {
      #expect(box.x >= 0 && box.y >= 0 && box.width > 0 && box.height > 0)
      #expect(box.x + box.width <= width && box.y + box.height <= height)
      // Sides are rounded to whole pixels: half a pixel on each.
      let (w, h) = (Double(box.width), Double(box.height))
      #expect((w - 0.5) / (h + 0.5) <= 4 / 3.0 && (w + 0.5) / (h - 0.5) >= 0.75)
      #expect((w + 0.5) * (h + 0.5) >= 0.08 * Double(width * height))
    }
  }

  @Test("areas are uniform, ratios log-uniform, places uniform")
  func distribution() {
    // Nothing of this size is ever refused.
    let boxes = crops(1000, 1000, scale: 0.1...0.5, count: 4000)
    func mean(_ value: (CropBox) -> Double) -> Double {
      boxes.reduce(0) { $0 + value($1) } / Double(boxes.count)
    }
    // Five standard errors each.
    #expect(abs(mean { Double($0.width * $0.height) / 1e6 } - 0.3) < 0.0092)
    #expect(abs(mean { log(Double($0.width) / Double($0.height)) }) < 0.0132)
    #expect(abs(mean { Double($0.x) / Double(1000 - $0.width) } - 0.5) < 0.023)
    #expect(abs(mean { Double($0.y) / Double(1000 - $0.height) } - 0.5) < 0.023)
    #expect(boxes.contains { $0.y == 0 } || boxes.contains { $0.y + $0.height == 1000 })
  }

  @Test("where nothing fits, the middle of an allowed ratio is shown")
  func fallback() {
    // The whole image has an allowed ratio, and no part may be smaller.
    #expect(
      crops(100, 90, scale: 1...1, ratio: 1...1, count: 1)
        == [CropBox(x: 5, y: 0, width: 90, height: 90)])
    #expect(
      crops(1000, 10, scale: 1...1, count: 1) == [CropBox(x: 493, y: 0, width: 13, height: 10)])
    #expect(
      crops(10, 1000, scale: 1...1, count: 1) == [CropBox(x: 0, y: 493, width: 10, height: 13)])
    #expect(
      crops(100, 90, scale: 1...1, ratio: 0.5...2, count: 300).contains(
        CropBox(x: 0, y: 0, width: 100, height: 90)))
    for (width, height) in [(1, 1), (1, 100_000), (100_000, 1)] {
      for box in crops(width, height, count: 50) {
        #expect(box.x + box.width <= width && box.y + box.height <= height)
        #expect(box.width >= 1 && box.height >= 1)
      }
    }
  }

  @Test("a crop shows its part of the image, resized, then perhaps mirrored", arguments: [12, 5])
  func content(size: Int) throws {
    // Of this image only the middle square is allowed.
    let image = pattern(20, 12, 3)
    var augmentation = Augmentation()
    (augmentation.crop, augmentation.scale, augmentation.ratio) = (.resized, 1...1, 1...1)
    augmentation.flipProbability = 1
    var preprocessing = rawValues(size, channels: 3)
    preprocessing.augmentation = augmentation
    let values = try preprocessing.augmented(.pixels(image), seed: 0, index: 0)
    var pixels: [UInt8] = []
    for y in 0..<12 { pixels += image.pixels[(y * 20 + 4) * 3..<(y * 20 + 16) * 3] }
    let middle = Image(width: 12, height: 12, channels: 3, pixels: pixels)
    let expected = middle.fitted(size: size, channels: 3).pixels
    for y in 0..<size {
      for x in 0..<size {
        for channel in 0..<3 {
          let found = values[(channel * size + y) * size + size - 1 - x]
          #expect(abs(found - Float(expected[(y * size + x) * 3 + channel])) < 1e-3)
        }
      }
    }
  }

  @Test("erasing happens as often as said; boxes lie inside, area and ratio in their ranges")
  func erasing() {
    let (size, count) = (64, 4000)
    let boxes = (0..<count).compactMap { item in
      var random = RandomStream(seed: 2, purpose: .augmentation).sequence(item: item)
      return RandomErasing.box(size: size, probability: 0.25, &random)
    }
    #expect(abs(boxes.count - 1000) < 137)
    for box in boxes {
      #expect(box.x >= 0 && box.y >= 0 && box.width > 0 && box.height > 0)
      #expect(box.x + box.width <= size && box.y + box.height <= size)
      let (w, h) = (Double(box.width), Double(box.height))
      #expect((w - 0.5) * (h - 0.5) <= 4096 / 3.0 && (w + 0.5) * (h + 0.5) >= 0.02 * 4096)
      #expect((h - 0.5) / (w + 0.5) <= 1 / 0.3 && (h + 0.5) / (w - 0.5) >= 0.3)
    }
    var random = RandomStream(seed: 2, purpose: .augmentation).sequence(item: 0)
    #expect(RandomErasing.box(size: size, probability: 0, &random) == nil)
    #expect(RandomErasing.box(size: 1, probability: 1, &random) == nil)
  }

  @Test("noise of mean 0 and deviation 1 fills the box in each channel, and nothing else")
  func noise() {
    let (size, channels) = (40, 3)
    let box = CropBox(x: 7, y: 3, width: 25, height: 30)
    var random = RandomStream(seed: 2, purpose: .augmentation).sequence(item: 0)
    var image = [Float](repeating: 9, count: channels * size * size)
    image.withUnsafeMutableBufferPointer {
      RandomErasing.fill(box, of: $0.baseAddress!, size: size, channels: channels, &random)
    }
    var erased: [Double] = []
    for (index, value) in image.enumerated() {
      let (x, y) = (index % size, index / size % size)
      let isInside = (7..<32).contains(x) && (3..<33).contains(y)
      #expect((value != 9) == isInside)
      if isInside { erased.append(Double(value)) }
    }
    let count = Double(erased.count)
    let mean = erased.reduce(0, +) / count
    let variance = erased.reduce(0) { $0 + $1 * $1 } / count - mean * mean
    #expect(erased.count == 2250 && abs(mean) < 0.106 && abs(variance - 1) < 0.15)
    #expect(Set(erased).count > 2200)
  }
}
