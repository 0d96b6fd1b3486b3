import MXRuntime

/// Operations that are drawn anew for each image of training.
package enum AugmentationPolicy: Sendable, Equatable {
  /// No operations.
  case none
  /// RandAugment (Cubuk et al. 2020).
  case randAugment(RandAugment)
  /// 3-Augment (Touvron et al. 2022, DeiT III): grey, solarized or blurred, one of the three.
  case threeAugment

  /// The policy that timm's `--aa` calls so: "rand-m9-mstd0.5-inc1", "3a"; or "none". Nil for what is none of these.
  package init?(_ text: String) {
    switch text {
    case "none": self = .none
    case "3a": self = .threeAugment
    default:
      guard let policy = RandAugment(text) else { return nil }
      self = .randAugment(policy)
    }
  }

  /// What timm calls the policy (`--aa`); `init` makes the same policy of it.
  package var text: String {
    switch self {
    case .none: "none"
    case .threeAugment: "3a"
    case .randAugment(let policy): policy.text
    }
  }

  /// What texts are allowed, as it completes "it must be …".
  package static let expected =
    "none, 3a, or rand-mM[-nN][-mstdS][-mmaxM][-pP][-inc1], as in rand-m9-mstd0.5-inc1"

  /// The operations for one image.
  package func draw(_ random: inout RandomSequence) -> [ImageOperation] {
    switch self {
    case .none: []
    case .randAugment(let policy): policy.draw(&random)
    case .threeAugment:
      switch random.integer(below: 3) {
      case 0: [.grayscale]
      case 1: [.solarize(128)]
      default: [.gaussianBlur(random.uniform(in: 0.1...2))]
      }
    }
  }
}

/// RandAugment: so many operations out of fifteen, each with a magnitude on a scale of 0…10 and done or left out by
/// chance. Operations, ranges, and the text that describes a policy are timm's.
package struct RandAugment: Sendable, Equatable {
  /// `m`: the magnitude.
  package var magnitude = 10.0
  /// `n`: operations an image, drawn with replacement.
  package var count = 2
  /// `mstd`: standard deviation of a normal distribution about the magnitude; above 100 the magnitude is uniform from 0
  /// to `magnitude` instead.
  package var deviation = 0.0
  /// `mmax`: the largest magnitude that a draw may give.
  package var maximum = 10.0
  /// `p`: how likely each operation is done.
  package var probability = 0.5
  /// `inc1`: whether magnitudes of posterize, solarize and the four enhancements grow away from the image, as all
  /// others do.
  package var isIncreasing = false

  /// timm's defaults.
  package init() {}

  /// The policy of a text such as "rand-m9-mstd0.5-inc1"; nil where a part is unknown or out of its range.
  package init?(_ text: String) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.first == "rand" else { return nil }
    for part in parts.dropFirst() {
      let name = part.prefix { $0.isLetter }
      guard let value = Double(part.dropFirst(name.count)), value >= 0, value.isFinite else {
        return nil
      }
      switch name {
      case "m" where value <= 100: magnitude = value
      case "n" where (1...15).contains(value) && value == value.rounded(): count = Int(value)
      case "mstd": deviation = value
      case "mmax" where value <= 100: maximum = value
      case "p" where value <= 1: probability = value
      case "inc" where value == 0 || value == 1: isIncreasing = value == 1
      default: return nil
      }
    }
  }

  /// timm's text, as in "rand-m9-mstd0.5-inc1": the magnitude, and what differs from the defaults. `init` makes the same
  /// policy of it.
  package var text: String {
    let plain = RandAugment()
    func part(_ name: String, _ path: KeyPath<RandAugment, Double>) -> String {
      let value = self[keyPath: path]
      if value == plain[keyPath: path] && name != "m" { return "" }
      return "-\(name)" + (value == value.rounded() && value < 1e9 ? "\(Int(value))" : "\(value)")
    }
    return "rand" + part("m", \.magnitude) + (count == plain.count ? "" : "-n\(count)")
      + part("mstd", \.deviation) + part("mmax", \.maximum) + part("p", \.probability)
      + (isIncreasing ? "-inc1" : "")
  }

  /// The operations for one image.
  package func draw(_ random: inout RandomSequence) -> [ImageOperation] {
    (0..<count).compactMap { _ in
      let kind = Kind.allCases[random.integer(below: Kind.allCases.count)]
      guard Double(random.uniform()) < probability else { return nil }
      var level = magnitude
      if deviation > 100 {
        level = random.uniform(in: 0...magnitude)
      } else if deviation > 0 {
        level += deviation * random.normal()
      }
      level = min(max(level, 0), maximum) / 10
      return operation(kind, level, isNegative: random.uniform() < 0.5)
    }
  }

  /// timm's fifteen, in its order.
  package enum Kind: CaseIterable {
    case autoContrast, equalize, invert, rotate, posterize, solarize, solarizeAdd
    case color, contrast, brightness, sharpness, shearX, shearY, translateX, translateY
  }

  /// An operation at a level, 1 for magnitude 10. Where sides are equal, `isNegative` says which.
  package func operation(_ kind: Kind, _ level: Double, isNegative: Bool) -> ImageOperation {
    let signed = isNegative ? -level : level
    // From 0.1 to 1.9; or 1 ± 0.9 · level.
    let factor = isIncreasing ? max(0.1, 1 + 0.9 * signed) : 0.1 + 1.8 * level
    let bits = min(8, Int(level * 4))
    let threshold = min(256, Int(level * 256))
    return switch kind {
    case .autoContrast: .autoContrast
    case .equalize: .equalize
    case .invert: .invert
    case .rotate: .rotate(30 * signed)
    case .posterize: .posterize(isIncreasing ? max(0, 4 - bits) : bits)
    case .solarize: .solarize(isIncreasing ? 256 - threshold : threshold)
    case .solarizeAdd: .solarizeAdd(min(128, Int(level * 110)))
    case .color: .color(factor)
    case .contrast: .contrast(factor)
    case .brightness: .brightness(factor)
    case .sharpness: .sharpness(factor)
    case .shearX: .shearX(0.3 * signed)
    case .shearY: .shearY(0.3 * signed)
    case .translateX: .translateX(0.45 * signed)
    case .translateY: .translateY(0.45 * signed)
    }
  }
}

extension ImageOperation {
  /// Brightness, contrast and saturation changed by up to ±`amount` each, in random order (torchvision's ColorJitter).
  package static func colorJitter(_ amount: Double, _ random: inout RandomSequence)
    -> [ImageOperation]
  {
    let range = max(0, 1 - amount)...(1 + amount)
    let operations: [ImageOperation] = [
      .brightness(random.uniform(in: range)), .contrast(random.uniform(in: range)),
      .color(random.uniform(in: range)),
    ]
    return random.permutation(operations.count).map { operations[$0] }
  }
}
