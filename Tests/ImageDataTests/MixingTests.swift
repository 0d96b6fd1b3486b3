import Foundation
import ImageData
import MXRuntime
import Testing

@Suite("Mixup and CutMix")
struct MixingTests {
  private let channels = 2
  private let size = 9

  /// Mixes `count` images, of which image i is i everywhere; times over the same draw.
  private func mixed(_ mixing: Mixing, count: Int, item: Int, times: Int = 1) -> (Float, [Float]) {
    let length = channels * size * size
    var images = (0..<count).flatMap { Array(repeating: Float($0), count: length) }
    var share: Float = 1
    for _ in 0..<times {
      var random = RandomStream(seed: 17, purpose: .mixing).sequence(item: item)
      share = images.withUnsafeMutableBufferPointer {
        mixing.apply(
          to: $0.baseAddress!, count: count, channels: channels, size: size, &random)
      }
    }
    return (share, images)
  }

  private func mixing(mixup: Double = 0, cutmix: Double = 0) -> Mixing {
    var mixing = Mixing()
    (mixing.mixup, mixing.cutmix) = (mixup, cutmix)
    return mixing
  }

  @Test("mixup: image i is λ of itself and 1 − λ of image B − 1 − i", arguments: [1, 2, 5, 6])
  func mixup(count: Int) {
    let length = channels * size * size
    for item in 0..<20 {
      let (share, images) = mixed(mixing(mixup: 0.8), count: count, item: item)
      #expect((0...1).contains(share))
      for (index, value) in images.enumerated() {
        let i = index / length
        let expected = share * Float(i) + (1 - share) * Float(count - 1 - i)
        #expect(abs(value - expected) < 1e-5)
      }
    }
  }

  @Test("CutMix: λ is the share of pixels that are left, in a rectangle cut from the partner")
  func cutmix() {
    let (count, plane) = (5, size * size)
    var shares: Set<Float> = []
    for item in 0..<100 {
      let (share, images) = mixed(mixing(cutmix: 1), count: count, item: item)
      shares.insert(share)
      for i in 0..<count {
        for channel in 0..<channels {
          let start = (i * channels + channel) * plane
          let values = images[start..<start + plane]
          let partner = Float(count - 1 - i)
          #expect(values.allSatisfy { $0 == Float(i) || $0 == partner })
          if i == 2 { continue }
          let places = (0..<plane).filter { values[start + $0] == partner }
          #expect(abs(1 - Float(places.count) / Float(plane) - share) < 1e-6)
          // A rectangle: as many places as rows times columns.
          let (rows, columns) = (Set(places.map { $0 / size }), Set(places.map { $0 % size }))
          #expect(places.count == rows.count * columns.count)
          #expect(rows.isEmpty || rows.count == rows.max()! - rows.min()! + 1)
          #expect(columns.isEmpty || columns.count == columns.max()! - columns.min()! + 1)
        }
      }
    }
    #expect(shares.count > 20)
  }

  @Test("the rectangle has the side that λ asks for, where the border does not cut it")
  func side() {
    let images = 1 << 10
    // λ from Beta(1000, 1000) is near ½: of 9 pixels, √½ are 6.36, so 6.
    var whole = 0
    for item in 0..<images {
      let (share, _) = mixed(mixing(cutmix: 1000), count: 2, item: item)
      let area = Int(((1 - share) * 81).rounded())
      #expect(area <= 36)
      if area == 36 { whole += 1 }
    }
    // The centre must be one of 4 × 4 of 9 × 9 places.
    #expect(abs(Double(whole) / Double(images) - 16 / 81.0) < 0.063)
  }

  @Test("cutting twice by the same draw gives the images back")
  func involution() {
    for item in 0..<20 {
      let images = mixed(mixing(cutmix: 1), count: 6, item: item, times: 2).1
      let length = channels * size * size
      let isBack = images.enumerated().allSatisfy { $1 == Float($0 / length) }
      #expect(isBack)
    }
  }

  @Test("probability 0 and α 0 leave a batch alone")
  func off() {
    var never = mixing(mixup: 1, cutmix: 1)
    never.probability = 0
    for mixing in [never, Mixing()] {
      let (share, images) = mixed(mixing, count: 4, item: 3)
      let isWhole = images.enumerated().allSatisfy { $1 == Float($0 / (channels * size * size)) }
      #expect(share == 1 && isWhole)
    }
  }

  @Test("both on: CutMix is taken as often as said, and batches are mixed as often as said")
  func frequencies() {
    var both = mixing(mixup: 0.8, cutmix: 1)
    (both.probability, both.switchProbability) = (0.75, 0.25)
    var (whole, cut) = (0, 0)
    let batches = 4000
    for item in 0..<batches {
      let (share, images) = mixed(both, count: 2, item: item)
      // Mixup leaves no value that was there before; a share of 1 is a rectangle of no pixel, or no
      // mixing.
      if share == 1 { whole += 1 } else if images.allSatisfy({ $0 == 0 || $0 == 1 }) { cut += 1 }
    }
    // A rectangle below one pixel: λ above 1 − 1/81, of CutMix's 750 times in a hundred.
    #expect(abs(whole - 1009) < 140)
    #expect(abs(cut - 741) < 130)
  }

  @Test("λ of mixup has the mean and the variance of Beta(α, α)", arguments: [0.2, 0.8, 1, 3])
  func beta(alpha: Double) {
    let shares = (0..<20_000).map { item in
      var random = RandomStream(seed: 23, purpose: .mixing).sequence(item: item)
      var value: Float = 0
      return Double(
        mixing(mixup: alpha).apply(to: &value, count: 1, channels: 1, size: 1, &random))
    }
    let mean = shares.reduce(0, +) / 20_000
    let variance = shares.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 20_000
    let expected = 1 / (4 * (2 * alpha + 1))
    #expect(abs(mean - 0.5) < 5 * (expected / 20_000).squareRoot())
    #expect(abs(variance / expected - 1) < 0.05)
    #expect(shares.allSatisfy { (0...1).contains($0) })
  }
}
