#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What random numbers are used for; each purpose draws from its own streams.
public enum RandomPurpose: UInt32, Sendable {
  case initialization = 1
  case shuffle = 2
  case augmentation = 3
  case dropPath = 4
  case benchmark = 5
  case mixing = 6
  /// Which candidate each group of weights takes.
  case weightChoice = 7
  // The six quantizers of a linear layer, in the paper's numbering.
  case q1 = 11
  case q2 = 12
  case q3 = 13
  case q4 = 14
  case q5 = 15
  case q6 = 16
  // The signs of rotations, of a layer's three products.
  case signsOfY = 17
  case signsOfDX = 18
  case signsOfDW = 19
}

/// The random numbers of one purpose, one step and one layer of a run.
///
/// A number is a function of (seed, purpose, step, layer, index) alone: the same for any number of
/// threads, any sharding of the batch, and after a resume. Philox's key is the seed; its counter is
/// (x, y, purpose · 2²⁴ + layer, step), with (x, y) the index.
public struct RandomStream: Sendable {
  /// Philox's key: the low and the high half of the seed.
  public let key: SIMD2<UInt32>
  /// The third and fourth word of the counter.
  public let stream: SIMD2<UInt32>

  /// The stream of `purpose` at a step (or epoch) of a layer (0 ..< 2²⁴; 0 where there is none).
  public init(seed: UInt64, purpose: RandomPurpose, step: Int = 0, layer: Int = 0) {
    precondition((0..<(1 << 24)).contains(layer), "layer \(layer)")
    key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    stream = SIMD2(purpose.rawValue << 24 | UInt32(layer), UInt32(truncatingIfNeeded: step))
  }

  /// The 128 random bits at index (x, y).
  @inlinable
  public func block(_ x: UInt32, _ y: UInt32 = 0) -> SIMD4<UInt32> {
    Philox.block(counter: SIMD4(x, y, stream[0], stream[1]), key: key)
  }

  /// The 16 random bits that decide how element (row, column) of a matrix is rounded.
  ///
  /// Eight rows of a column share one block, half-word row mod 8, low half first. Neighbouring columns
  /// lie in neighbouring counters, which is what lets the SIMD quantizers compute 16 of them at once
  /// in either direction.
  public func roundingBits(row: Int, column: Int) -> UInt16 {
    let words = block(UInt32(column), UInt32(row / 8))
    let word = words[row % 8 / 2]
    return UInt16(truncatingIfNeeded: row % 2 == 0 ? word : word >> 16)
  }

  /// 32 random bits that both operands of a product draw alike, from the streams of their quantizers.
  ///
  /// - Precondition: it is the stream of one of the six.
  public var signs: UInt32 {
    let operand = Int(stream[0] >> 24) - Int(RandomPurpose.q1.rawValue)
    precondition((0..<6).contains(operand), "signs for a stream of no quantizer")
    let product = RandomPurpose.signsOfY.rawValue + UInt32(operand / 2)
    let counter = SIMD4(0, 0, product << 24 | stream[0] & 0xff_ffff, stream[1])
    return Philox.block(counter: counter, key: key)[0]
  }

  /// A number uniform in [0, 1), a multiple of 2⁻²⁴.
  public func uniform(_ index: Int) -> Float {
    Float(block(UInt32(truncatingIfNeeded: index))[0] >> 8) * 0x1p-24
  }

  /// A number from the standard normal distribution (Box–Muller, in double precision).
  public func normal(_ index: Int) -> Float {
    let words = block(UInt32(truncatingIfNeeded: index))
    // In (0, 1], so that the logarithm is finite.
    let radius = (Double(words[0]) + 1) * 0x1p-32
    let angle = Double(words[1]) * 0x1p-32
    return Float((-2 * log(radius)).squareRoot() * cos(2 * Double.pi * angle))
  }

  /// The numbers of item `item`, one after another, for code that draws a varying number of them.
  public func sequence(item: Int) -> RandomSequence {
    RandomSequence(stream: self, item: UInt32(truncatingIfNeeded: item))
  }
}

/// The random numbers of one item (an image, an epoch), drawn in order.
public struct RandomSequence: Sendable {
  let stream: RandomStream
  let item: UInt32
  private var position: UInt32 = 0
  /// The block that `position` lies in, once a number of it has been drawn.
  private var block = SIMD4<UInt32>()

  init(stream: RandomStream, item: UInt32) {
    self.stream = stream
    self.item = item
  }

  /// The next 32 random bits.
  public mutating func nextBits() -> UInt32 {
    defer { position += 1 }
    if position.isMultiple(of: 4) { block = stream.block(position / 4, item) }
    return block[Int(position % 4)]
  }

  /// A number uniform in [0, 1), a multiple of 2⁻²⁴.
  public mutating func uniform() -> Float { Float(nextBits() >> 8) * 0x1p-24 }

  /// An integer uniform in 0 ..< `bound` (bias below `bound` · 2⁻³², by Lemire's multiplication).
  public mutating func integer(below bound: Int) -> Int {
    precondition(bound > 0 && bound <= 1 << 31, "an integer below \(bound)")
    return Int((UInt64(nextBits()) * UInt64(bound)) >> 32)
  }

  /// A random order of 0 ..< `count` (Fisher and Yates).
  public mutating func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(last, integer(below: last + 1))
    }
    return order
  }
}
