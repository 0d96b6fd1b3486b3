import Reports
import Training

/// What `demo` says of its own progress: how long all will take, which method of how many runs, and what is left.
struct DemoProgress {
  private let methods, epochs: Int
  /// Of the methods that are done, in the order in which they ran.
  private var seconds: [Double] = []

  /// What an epoch of all methods takes on two cores of an AMD EPYC (Zen 3), process by process. Before anything has
  /// been measured here, no more can be said.
  private static let knownSecondsAnEpoch = 1.9

  /// By how much the methods that quantize take longer than fp32, which comes first, on the same processor.
  private static let slowdown = 1.35

  /// Some methods of so many epochs each, none of them done.
  init(methods: Int, epochs: Int) { (self.methods, self.epochs) = (methods, epochs) }

  /// The line before everything.
  var announcement: String {
    let minutes = Self.knownSecondsAnEpoch * Double(epochs) / 60
    let time =
      minutes < 1 ? "less than a minute" : "about \(fixed(minutes.rounded(.up), 0)) minutes"
    return
      "\(methods) methods train on the built-in digits, one after another: \(time) on two cores of an "
      + "AMD EPYC (Zen 3)."
  }

  /// The line before a method.
  func heading(_ method: Method) -> String {
    "\(seconds.count + 1) of \(methods): \(method.rawValue)"
      + (secondsLeft.map { ", about \(duration($0)) left in all" } ?? "")
  }

  /// A method is done.
  mutating func finished(seconds: Double) { self.seconds.append(seconds) }

  /// From what the methods took so far; nil before the first is done.
  private var secondsLeft: Double? {
    guard let first = seconds.first else { return nil }
    let quantized = seconds.dropFirst()
    let each =
      quantized.isEmpty
      ? first * Self.slowdown : quantized.reduce(0, +) / Double(quantized.count)
    return each * Double(methods - seconds.count)
  }
}
