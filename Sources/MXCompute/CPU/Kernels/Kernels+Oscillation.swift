import CMXKernels

extension Kernels {
  /// average ← β·average + (1 − β)·w on n elements (the paper's Algorithm 1).
  package func movingAverage(
    beta: Float, of w: UnsafePointer<Float>, into average: UnsafeMutablePointer<Float>, _ n: Int
  ) {
    table.pointee.moving_average(beta, w, average, n)
  }

  /// One AdamW step on n elements, of which each adds up as many gradients as its period says, and then
  /// takes one step on their mean with the learning rate times their number (the paper's Algorithm 2).
  ///
  /// - Parameters:
  ///   - step: rates, decays and the step's number.
  ///   - period: how many gradients an element waits for.
  ///   - sum: the gradients that an element waits with, added up.
  ///   - count: how many they are.
  ///   - gradient: of this step.
  ///   - weight: what is trained.
  ///   - m: the first moment.
  ///   - v: the second moment.
  ///   - n: elements.
  package func rampingAdamW(
    _ step: AdamWCoefficients, period: UnsafePointer<Float>, sum: UnsafeMutablePointer<Float>,
    count: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>,
    weight: UnsafeMutablePointer<Float>, m: UnsafeMutablePointer<Float>,
    v: UnsafeMutablePointer<Float>, _ n: Int
  ) {
    var step = tj_adamw(step)
    var ramping = tj_ramping(period: period, sum: sum, count: count)
    table.pointee.ramping_adamw(&step, &ramping, gradient, weight, m, v, n)
  }

  /// y += scale · (a − b) on n elements.
  package func addScaledDifference(
    to y: UnsafeMutablePointer<Float>, scale: Float, _ a: UnsafePointer<Float>,
    _ b: UnsafePointer<Float>, _ n: Int
  ) {
    table.pointee.add_scaled_difference(y, scale, a, b, n)
  }

  /// Takes one step of n weights w with quantized values q into account: adds |change| to the paths, and makes
  /// the values now the values before.
  ///
  /// - Returns: the step's movement, summed over the elements.
  package func trackMovement(
    w: UnsafePointer<Float>, q: UnsafePointer<Float>, wBefore: UnsafeMutablePointer<Float>,
    qBefore: UnsafeMutablePointer<Float>, wPath: UnsafeMutablePointer<Float>,
    qPath: UnsafeMutablePointer<Float>, _ n: Int
  ) -> WeightMovement {
    var track = tj_track(w_before: wBefore, q_before: qBefore, w_path: wPath, q_path: qPath)
    var movement = tj_movement()
    table.pointee.track_movement(w, q, &track, &movement, n)
    return WeightMovement(movement)
  }
}

extension WeightMovement {
  fileprivate init(_ movement: tj_movement) {
    self.init()
    (change, magnitude) = (movement.change, movement.magnitude)
    (quantizedChange, quantizedMagnitude) = (movement.q_change, movement.q_magnitude)
    flips = Int(movement.flips)
  }
}
