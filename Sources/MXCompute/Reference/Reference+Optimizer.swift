import MXRuntime

extension Reference {
  package func sumOfSquares(
    _ x: AlignedBuffer<Float>, _ slices: [AdamWSlice], sums: AlignedBuffer<Double>
  ) -> Double {
    for (index, slice) in slices.enumerated() {
      sums[index] = Self.sumOfSquares(Array(x.elements[slice.range]))
    }
    return sums.elements.reduce(0, +)
  }

  // Decoupled decay: w −= η·λ·w + η·(m/(1 − β1ᵗ)) / (√(v/(1 − β2ᵗ)) + ε).
  package func adamW(
    _ state: AdamWState, _ slices: [AdamWSlice], _ coefficients: AdamWCoefficients
  ) {
    for slice in slices where slice.rate != 0 {
      let rate = coefficients.learningRate * slice.rate
      let decay = slice.decays ? rate * coefficients.weightDecay : 0
      for index in slice.range {
        let place = index - state.start
        var gradient = state.gradients[index] * coefficients.gradientScale
        var steps: Float = 1
        state.weights[index] -= state.weights[index] * decay
        if slice.ramps, let ramping = state.ramping {
          ramping.sum[place] += gradient
          ramping.count[place] += 1
          steps = ramping.count[place]
          guard steps >= ramping.periods[index] else { continue }
          gradient = ramping.sum[place] / steps
          (ramping.sum[place], ramping.count[place]) = (0, 0)
        }
        let first = state.m[place] * coefficients.beta1 + gradient * (1 - coefficients.beta1)
        let second =
          state.v[place] * coefficients.beta2 + gradient * gradient * (1 - coefficients.beta2)
        let root = second.squareRoot() * coefficients.correction2 + coefficients.epsilon
        state.weights[index] -= first * coefficients.correction1 / root * (steps * rate)
        (state.m[place], state.v[place]) = (first, second)
      }
    }
  }

  package func movingAverage(
    beta: Float, of x: AlignedBuffer<Float>, into average: AlignedBuffer<Float>,
    _ slices: [Range<Int>]
  ) {
    for place in slices.joined() {
      average[place] = average[place] * beta + x[place] * (1 - beta)
    }
  }
}
