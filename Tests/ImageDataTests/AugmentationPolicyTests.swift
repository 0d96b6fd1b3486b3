import ImageData
import MXRuntime
import Testing

@Suite("Augmentation policies")
struct AugmentationPolicyTests {
  @Test(
    "a policy's text is read and written",
    arguments: [
      "none", "3a", "rand-m10", "rand-m9-mstd0.5-inc1", "rand-m7-n3-p0.25", "rand-m15-mmax20",
      "rand-m9-mstd101",
    ])
  func texts(text: String) throws {
    let policy = try #require(AugmentationPolicy(text))
    #expect(policy.text == text)
    #expect(AugmentationPolicy(policy.text) == policy)
  }

  @Test("parts come in any order, and what is left out has timm's default")
  func defaults() {
    #expect(AugmentationPolicy("rand") == .randAugment(RandAugment()))
    #expect(
      AugmentationPolicy("rand-inc1-mstd0.5-m9") == AugmentationPolicy("rand-m9-mstd0.5-inc1"))
    let plain = RandAugment()
    #expect(plain.magnitude == 10 && plain.count == 2 && plain.probability == 0.5)
    #expect(plain.deviation == 0 && plain.maximum == 10 && !plain.isIncreasing)
  }

  @Test(
    "what is no policy is refused",
    arguments: [
      "", "Rand-m9", "rand-", "rand-m", "rand-m-1", "rand-m101", "rand-n0", "rand-n1.5", "rand-n16",
      "rand-p1.5", "rand-inc2", "rand-inc0.5", "rand-x3", "rand-minf", "rand-mnan",
      "rand-mstd1e999",
      "rand m9", "3augment", "original", "augmix-m3",
    ])
  func refused(text: String) {
    #expect(AugmentationPolicy(text) == nil)
  }

  @Test("a magnitude means what timm's table says")
  func magnitudes() {
    var policy = RandAugment()
    func arguments(_ level: Double, isNegative: Bool = false) -> [ImageOperation] {
      RandAugment.Kind.allCases.map { policy.operation($0, level, isNegative: isNegative) }
    }
    #expect(
      arguments(0.5) == [
        .autoContrast, .equalize, .invert, .rotate(15), .posterize(2), .solarize(128),
        .solarizeAdd(55), .color(1), .contrast(1), .brightness(1), .sharpness(1), .shearX(0.15),
        .shearY(0.15), .translateX(0.225), .translateY(0.225),
      ])
    policy.isIncreasing = true
    #expect(
      arguments(0.5, isNegative: true) == [
        .autoContrast, .equalize, .invert, .rotate(-15), .posterize(2), .solarize(128),
        .solarizeAdd(55), .color(0.55), .contrast(0.55), .brightness(0.55), .sharpness(0.55),
        .shearX(-0.15), .shearY(-0.15), .translateX(-0.225), .translateY(-0.225),
      ])
    #expect(policy.operation(.posterize, 0.9, isNegative: false) == .posterize(1))
    #expect(policy.operation(.posterize, 1, isNegative: false) == .posterize(0))
    #expect(policy.operation(.solarize, 0.9, isNegative: false) == .solarize(26))
    #expect(policy.operation(.color, 1, isNegative: false) == .color(1.9))
    #expect(policy.operation(.color, 2, isNegative: true) == .color(0.1))
    policy.isIncreasing = false
    #expect(policy.operation(.posterize, 0.9, isNegative: false) == .posterize(3))
    #expect(policy.operation(.solarize, 0.9, isNegative: false) == .solarize(230))
  }

  private func draws(_ text: String, count: Int) throws -> [[ImageOperation]] {
    let policy = try #require(AugmentationPolicy(text))
    let stream = RandomStream(seed: 31, purpose: .augmentation)
    return (0..<count).map {
      var random = stream.sequence(item: $0)
      return policy.draw(&random)
    }
  }

  private func name(_ operation: ImageOperation) -> String {
    String("\(operation)".prefix { $0 != "(" })
  }

  @Test("RandAugment draws fifteen operations alike, each done half of the time, signs even")
  func frequencies() throws {
    let images = 15_000
    let operations = try draws("rand-m9-mstd0.5-inc1", count: images)
    #expect(operations.allSatisfy { $0.count <= 2 })
    // Twice 0.5 · 15,000; five standard deviations are 433.
    #expect(abs(operations.joined().count - images) < 433)
    let counts = Dictionary(grouping: operations.joined(), by: name).mapValues(\.count)
    #expect(counts.count == 15)
    // A fifteenth each: five standard deviations of a count about 1,000 are 155.
    #expect(counts.values.allSatisfy { abs($0 - 1000) < 155 }, "\(counts)")
    var (angles, bits): ([Double], [Int]) = ([], [])
    for operation in operations.joined() {
      switch operation {
      case .rotate(let angle): angles.append(angle)
      case .posterize(let kept): bits.append(kept)
      case .color(let factor), .contrast(let factor), .brightness(let factor),
        .sharpness(let factor):
        #expect((0.0999...1.9001).contains(factor) && abs(factor - 1) > 0.5)
      case .shearX(let factor), .shearY(let factor): #expect(abs(factor) <= 0.3)
      case .translateX(let share), .translateY(let share): #expect(abs(share) <= 0.45)
      case .solarize(let threshold): #expect((0...100).contains(threshold))
      case .solarizeAdd(let levels): #expect((70...110).contains(levels))
      default: break
      }
    }
    #expect(angles.allSatisfy { abs($0) <= 30 })
    #expect(abs(2 * angles.count { $0 < 0 } - angles.count) < 160)
    let mean = angles.reduce(0) { $0 + abs($1) } / Double(angles.count)
    #expect(abs(mean - 27) < 0.3)
    // Magnitude 10 or more, two deviations from 9, keeps no bit: 2.3 %.
    #expect(Set(bits).isSubset(of: [0, 1, 2]))
    #expect((5...50).contains(bits.count { $0 == 0 }))
  }

  @Test("without a deviation the magnitude is fixed; above 100 it is uniform")
  func deviations() throws {
    for operation in try draws("rand-m9-p1", count: 500).joined() {
      if case .rotate(let angle) = operation { #expect(abs(abs(angle) - 27) < 1e-9) }
    }
    let angles = try draws("rand-m8-mstd101-p1-n4", count: 3000).joined().compactMap { operation in
      if case .rotate(let angle) = operation { abs(angle) } else { nil as Double? }
    }
    #expect(angles.allSatisfy { $0 <= 24 })
    let mean = angles.reduce(0, +) / Double(angles.count)
    #expect(abs(mean - 12) < 1)
  }

  @Test("probability 0 does nothing, 1 everything")
  func probabilities() throws {
    #expect(try draws("rand-p0", count: 100).allSatisfy(\.isEmpty))
    #expect(try draws("rand-p1-n3", count: 100).allSatisfy { $0.count == 3 })
  }

  @Test("3-Augment takes one of grey, solarize and blur, each a third of the time")
  func threeAugment() throws {
    let operations = try draws("3a", count: 3000)
    #expect(operations.allSatisfy { $0.count == 1 })
    let counts = Dictionary(grouping: operations.joined(), by: name).mapValues(\.count)
    #expect(Set(counts.keys) == ["grayscale", "solarize", "gaussianBlur"])
    // Five standard deviations of a count about 1,000 are 130.
    #expect(counts.values.allSatisfy { abs($0 - 1000) < 130 }, "\(counts)")
    var radii: [Double] = []
    for operation in operations.joined() {
      if case .solarize(let threshold) = operation { #expect(threshold == 128) }
      if case .gaussianBlur(let radius) = operation { radii.append(radius) }
    }
    #expect(radii.allSatisfy { $0 >= 0.1 && $0 <= 2 })
    #expect(abs(radii.reduce(0, +) / Double(radii.count) - 1.05) < 0.09)
  }

  @Test("colour jitter does brightness, contrast and saturation once each, in any order")
  func colorJitter() {
    var orders: [String: Int] = [:]
    for item in 0..<3000 {
      var random = RandomStream(seed: 5, purpose: .augmentation).sequence(item: item)
      let operations = ImageOperation.colorJitter(0.3, &random)
      orders[operations.map(name).joined(separator: " "), default: 0] += 1
      for operation in operations {
        switch operation {
        case .brightness(let factor), .contrast(let factor), .color(let factor):
          #expect((0.7...1.3).contains(factor))
        default: Issue.record("\(operation)")
        }
      }
    }
    #expect(orders.count == 6)
    #expect(orders.values.allSatisfy { abs($0 - 500) < 103 }, "\(orders)")
    var random = RandomStream(seed: 5, purpose: .augmentation).sequence(item: 0)
    for operation in ImageOperation.colorJitter(2, &random) {
      if case .brightness(let factor) = operation { #expect((0...3).contains(factor)) }
    }
  }
}
