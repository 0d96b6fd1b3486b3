import ImageData
import Testing

@Suite("Built-in digits")
struct DigitsTests {
  @Test("there are 1437 training and 360 test images of 10 classes, 36 a class in the test set")
  func counts() throws {
    let sets = try ImageDatasets.open("digits")
    #expect(sets.train.count == 1437 && sets.test.count == 360)
    #expect(sets.train.classNames == (0...9).map(String.init))
    #expect(sets.test.classNames == sets.train.classNames)
    var counts = Array(repeating: 0, count: 10)
    for index in 0..<360 { counts[sets.test.label(index)] += 1 }
    #expect(counts == Array(repeating: 36, count: 10))
  }

  @Test("values 0…16 are scaled to 0…255 and rounded")
  func scaling() throws {
    let train = try ImageDatasets.open("digits").train
    let image = try train.image(0)
    // The first row of the file: 0 0 8 15 2 0 0 0.
    #expect(Array(image.pixels.prefix(4)) == [0, 0, 128, 239])
    #expect(image.width == 8 && image.height == 8 && image.channels == 1)
    #expect(train.label(0) == 2)
    let allowed = Set((0...16).map { UInt8((Double($0) * 255 / 16).rounded()) })
    var seen: Set<UInt8> = []
    for index in 0..<train.count { seen.formUnion(try train.image(index).pixels) }
    #expect(seen == allowed)
  }
}
