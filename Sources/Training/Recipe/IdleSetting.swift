import MXCompute
import MXLinear
import Oscillation

/// A setting of the command line that changes nothing: what it belongs to is off.
struct IdleSetting: CustomStringConvertible {
  private let setting: RecipeSetting
  private let reason: String

  /// - Returns: nil for a setting that counts, and for those of files, which may name every key.
  init?(_ setting: RecipeSetting, in recipe: Recipe) {
    guard setting.isOverride, let reason = recipe.reasonThatIsIdle(setting.key) else { return nil }
    (self.setting, self.reason) = (setting, reason)
  }

  /// One line.
  var description: String { "\(setting.flag) changes nothing: \(reason)" }
}

extension Recipe {
  /// Why nobody reads a key in this recipe; nil where somebody does.
  fileprivate func reasonThatIsIdle(_ key: String) -> String? {
    let words = key.split(separator: ".").map(String.init)
    guard words.count > 1 else { return nil }
    switch (words[0], words[1]) {
    case ("quantizers", "mean_decay"):
      return linear.meanSplit.isEmpty ? "quantizers.mean_split names no layer" : nil
    case ("quantizers", "hadamard_size"), ("quantizers", "hadamard_signs"):
      return linear.rotatedProducts.isEmpty ? "quantizers.hadamard names no product" : nil
    case ("quantizers", let name):
      // What Q4 and Q6 read is what their products read where they are off, too.
      guard let operand = Operand(rawValue: name), linear[operand] == nil,
        !["enabled", "reads_quantized"].contains(words.last)
      else { return nil }
      return linear.rotated != nil
        ? "\(method.rawValue) has steps of its own in place of quantizers"
        : "\(name) is off (quantizers.\(name).enabled=true switches it on)"
    case ("outcontrol", let part):
      return part != "share" && linear.outControl == nil ? "outcontrol.share is 0" : nil
    case ("qema", _) where method.roundsByAverages:
      return nil
    case (let section, _):
      guard let remedy = RemedyName(rawValue: section), !method.remedies.contains(remedy) else {
        return nil
      }
      return "the method \(method.rawValue) is without \(section)"
    }
  }
}
