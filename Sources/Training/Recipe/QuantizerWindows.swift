import MXLinear

/// In which part of a training each quantizer is on.
package struct QuantizerWindows: Equatable, Sendable {
  /// Shares of the steps. However few these are, a quantizer that lasts is on in the last one, and one that does not is off.
  package struct Window: Equatable, Sendable {
    package var from = 0.0
    package var until = 1.0

    /// A window; as long as the training, where nothing is said.
    package init(from: Double = 0, until: Double = 1) { (self.from, self.until) = (from, until) }

    /// The steps of so many in which it is on.
    func steps(of total: Int) -> Range<Int> {
      let start = Self.step(from, of: total)
      return start..<(isLast ? total : max(start, Self.step(until, of: total)))
    }

    /// Whether it is open at the end.
    var isLast: Bool { until == 1 }

    /// The first step of so many that has this share behind it, at the latest the last one.
    fileprivate static func step(_ share: Double, of total: Int) -> Int {
      // A product such as .07 · 100 comes out above 7.
      min(max(total - 1, 0), Int((share * Double(total) - 1e-9).rounded(.up)))
    }
  }

  private var windows: [Operand: Window] = [:]

  /// All of them as long as the training.
  package init() {}

  /// A quantizer's window.
  package subscript(operand: Operand) -> Window {
    get { windows[operand] ?? Window() }
    set { windows[operand] = newValue == Window() ? nil : newValue }
  }
}

/// When the channels of `OutControl` are chosen.
package struct OutlierCount: Equatable, Sendable {
  /// The share of training behind which they are.
  package var from = 0.04
  /// How many steps before that are counted, where there are as many.
  package var length = 50

  /// The steps of so many that are counted. In a training of one step there are none, and the first channels are taken.
  func steps(of total: Int) -> Range<Int> {
    let end = min(max(1, QuantizerWindows.Window.step(from, of: total)), max(total - 1, 0))
    return max(0, end - length)..<end
  }
}

extension Recipe {
  /// The quantizers that are on in a step of so many; after the last one, those of the last one, by which a model is deployed.
  package func linear(step: Int, of total: Int) -> LinearRecipe {
    var recipe = linear
    let step = min(step, total - 1)
    for operand in Operand.allCases where !windows[operand].steps(of: total).contains(step) {
      recipe[operand] = nil
    }
    let count = outlierCount.steps(of: total)
    recipe.outControl?.phase =
      step < count.lowerBound ? .waiting : step < count.upperBound ? .counting : .chosen
    return recipe
  }

  /// The quantizers of the model that a training leaves: those of its last step.
  package var deployedLinear: LinearRecipe {
    var recipe = linear
    for operand in Operand.allCases where !windows[operand].isLast { recipe[operand] = nil }
    return recipe
  }

  /// The parts of a training of so many steps in which the same quantizers are on: where each begins, and those.
  func phases(steps total: Int) -> [(start: Int, linear: LinearRecipe)] {
    let count = linear.outControl.map { _ in outlierCount.steps(of: total) }
    let bounds = Operand.allCases.filter { linear[$0] != nil }
      .flatMap { operand in
        let steps = windows[operand].steps(of: total)
        return [steps.lowerBound, steps.upperBound]
      }
    let counts = count.map { [$0.lowerBound, $0.upperBound] } ?? []
    let starts = Set([0] + bounds + counts).filter { $0 < max(total, 1) }
    return starts.sorted().map { ($0, linear(step: $0, of: total)) }
  }
}
