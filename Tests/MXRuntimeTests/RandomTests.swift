import MXRuntime
import TestSupport
import Testing

@Suite("Counter-based random numbers")
struct RandomTests {
  @Test("Philox4x32-10 gives the known answers of Random123")
  func knownAnswers() {
    let all = UInt32.max
    let cases: [(SIMD4<UInt32>, SIMD2<UInt32>, SIMD4<UInt32>)] = [
      (SIMD4(0, 0, 0, 0), SIMD2(0, 0), SIMD4(0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8)),
      (
        SIMD4(all, all, all, all), SIMD2(all, all),
        SIMD4(0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD)
      ),
      (
        SIMD4(0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344), SIMD2(0xA409_3822, 0x299F_31D0),
        SIMD4(0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1)
      ),
    ]
    for (counter, key, expected) in cases {
      #expect(Philox.block(counter: counter, key: key) == expected)
    }
  }

  @Test("streams of another seed, purpose, step or layer are other streams")
  func streams() {
    let streams = [
      RandomStream(seed: 1, purpose: .q3, step: 2, layer: 3),
      RandomStream(seed: 2, purpose: .q3, step: 2, layer: 3),
      RandomStream(seed: 1 << 32 | 1, purpose: .q3, step: 2, layer: 3),
      RandomStream(seed: 1, purpose: .q5, step: 2, layer: 3),
      RandomStream(seed: 1, purpose: .q3, step: 3, layer: 3),
      RandomStream(seed: 1, purpose: .q3, step: 2, layer: 4),
    ]
    #expect(Set(streams.map { $0.block(5, 6) }).count == streams.count)
    #expect(streams[0].block(5, 6) != streams[0].block(6, 5))
  }

  @Test("uniform numbers fill [0, 1) evenly, and normal numbers have mean 0 and variance 1")
  func distributions() {
    let stream = RandomStream(seed: 4, purpose: .benchmark)
    let count = 200_000
    var bins = [Int](repeating: 0, count: 10)
    var (sum, squares) = (0.0, 0.0)
    for index in 0..<count {
      let uniform = stream.uniform(index)
      #expect(uniform >= 0 && uniform < 1)
      bins[Int(uniform * 10)] += 1
      let normal = Double(stream.normal(index))
      sum += normal
      squares += normal * normal
    }
    // Five standard deviations of a bin's count, of a mean, and of a variance.
    let deviation = (Double(count) * 0.09).squareRoot()
    #expect(bins.allSatisfy { abs(Double($0) - Double(count) / 10) < 5 * deviation })
    #expect(abs(sum / Double(count)) < 5 / Double(count).squareRoot())
    #expect(abs(squares / Double(count) - 1) < 5 * (2 / Double(count)).squareRoot())
  }

  @Test("a permutation has every index once and depends on its item")
  func permutation() {
    var first = RandomStream(seed: 1, purpose: .shuffle).sequence(item: 0)
    var second = RandomStream(seed: 1, purpose: .shuffle).sequence(item: 1)
    let (a, b) = (first.permutation(100), second.permutation(100))
    #expect(a.sorted() == Array(0..<100) && b.sorted() == a.sorted() && a != b)
  }

  /// The rounding bits of 256 × 256 elements.
  private static func bits(
    _ purpose: RandomPurpose = .q5, step: Int = 7, layer: Int = 3, rows: Int = 0, columns: Int = 0
  ) -> [UInt16] {
    let random = RandomStream(seed: 11, purpose: purpose, step: step, layer: layer)
    return (0..<1 << 16).map {
      random.roundingBits(row: rows + $0 / 256, column: columns + $0 % 256)
    }
  }

  @Test("rounding bits fill their range evenly, in their high and in their low byte")
  func evenness() {
    let bits = Self.bits()
    for shift in [0, 8] {
      var counts = [Int](repeating: 0, count: 256)
      for word in bits { counts[Int(word >> shift & 255)] += 1 }
      let chiSquare = counts.reduce(0.0) { $0 + Double(($1 - 256) * ($1 - 256)) / 256 }
      // 255 ± 22.6; four standard deviations.
      #expect(abs(chiSquare - 255) < 4 * 22.6, "\(chiSquare)")
    }
  }

  @Test(
    "rounding bits of neighbours, steps, layers and quantizers have nothing to do with each other")
  func correlations() {
    let bits = Self.bits()
    for (name, other) in [
      ("the step behind", Self.bits(step: 8)), ("the next layer", Self.bits(layer: 4)),
      ("Q3", Self.bits(.q3)), ("Q6", Self.bits(.q6)), ("the row below", Self.bits(rows: 1)),
      ("eight rows below", Self.bits(rows: 8)), ("the next column", Self.bits(columns: 1)),
    ] {
      let half = 32767.5
      let products = zip(bits, other).reduce(0.0) {
        $0 + (Double($1.0) - half) * (Double($1.1) - half)
      }
      // Of 65,536 independent pairs the correlation deviates by 1/256.
      let correlation = products / (65536 * 65536 * 65536.0 / 12)
      #expect(abs(correlation) < 4.0 / 256, "\(name): \(correlation)")
    }
  }
}
