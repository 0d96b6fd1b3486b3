#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif
import MXRuntime

/// Mixes the images of a batch with those of the batch in reverse order: as a whole (mixup, Zhang et al. 2018) or by a
/// rectangle (CutMix, Yun et al. 2019). One draw for the batch, as in timm's batch mode.
package struct Mixing: Sendable, Equatable {
  /// Mixup's α: the share of the first image is drawn from Beta(α, α); 0 for no mixup.
  package var mixup = 0.0
  /// CutMix's α; 0 for no CutMix.
  package var cutmix = 0.0
  /// How likely a batch is mixed at all.
  package var probability = 1.0
  /// Where both are on: how likely CutMix is taken.
  package var switchProbability = 0.5

  /// No mixing.
  package init() {}

  /// Mixes a batch, or leaves it as it is.
  ///
  /// - Parameters:
  ///   - images: [B, C, size, size], changed in place.
  ///   - random: what is drawn from.
  /// - Returns: the share λ of image i in what is now image i; the rest is image B − 1 − i. 1 where nothing was mixed.
  package func apply(
    to images: UnsafeMutablePointer<Float>, count: Int, channels: Int, size: Int,
    _ random: inout RandomSequence
  ) -> Float {
    guard mixup > 0 || cutmix > 0, Double(random.uniform()) < probability else { return 1 }
    let cuts = cutmix > 0 && (mixup == 0 || Double(random.uniform()) < switchProbability)
    let alpha = cuts ? cutmix : mixup
    let share = random.beta(alpha)
    let length = channels * size * size
    guard cuts else {
      let (first, second) = (Float(share), Float(1 - share))
      Self.forEachPair(count) { i, j in
        let (a, b) = (images + i * length, images + j * length)
        for k in 0..<length {
          let (x, y) = (a[k], b[k])
          a[k] = first * x + second * y
          b[k] = first * y + second * x
        }
      }
      return first
    }
    // A rectangle of area 1 − λ about a uniform centre; what lies outside is lost, so that λ is what is left.
    let side = Int(Double(size) * (1 - share).squareRoot())
    let (y, x) = (random.integer(below: size), random.integer(below: size))
    let rows = max(0, y - side / 2)..<min(size, y + (side + 1) / 2)
    let columns = max(0, x - side / 2)..<min(size, x + (side + 1) / 2)
    Self.forEachPair(count) { i, j in
      for channel in 0..<channels {
        for row in rows {
          let start = (channel * size + row) * size
          for k in start + columns.lowerBound..<start + columns.upperBound {
            swap(&images[i * length + k], &images[j * length + k])
          }
        }
      }
    }
    return Float(1 - Double(rows.count * columns.count) / Double(size * size))
  }

  private static func forEachPair(_ count: Int, _ body: (Int, Int) -> Void) {
    for i in 0..<count / 2 { body(i, count - 1 - i) }
  }
}

extension RandomSequence {
  /// A number from Beta(α, α): the share of one of two Gamma variables in their sum.
  mutating func beta(_ alpha: Double) -> Double {
    let (x, y) = (gamma(alpha), gamma(alpha))
    // Both can underflow where α is tiny: then the distribution is all at its ends.
    return x + y > 0 ? x / (x + y) : (uniform() < 0.5 ? 0 : 1)
  }

  /// A number from the Gamma distribution of shape α and scale 1 (Marsaglia and Tsang 2000); shapes below 1 by a power of
  /// a uniform number.
  private mutating func gamma(_ alpha: Double) -> Double {
    if alpha < 1 {
      let power = pow(1 - Double(uniform()), 1 / alpha)
      return gamma(alpha + 1) * power
    }
    let d = alpha - 1 / 3.0
    let c = 1 / (9 * d).squareRoot()
    while true {
      let x = normal()
      let v = pow(1 + c * x, 3)
      let u = 1 - Double(uniform())
      if v > 0, log(u) < 0.5 * x * x + d - d * v + d * log(v) { return d * v }
    }
  }
}
