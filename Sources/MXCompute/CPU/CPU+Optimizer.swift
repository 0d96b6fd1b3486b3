import MXRuntime

extension CPU {
  package func sumOfSquares(
    _ x: AlignedBuffer<Float>, _ slices: [AdamWSlice], sums: AlignedBuffer<Double>
  ) -> Double {
    forEach(slices.count) { index in
      let range = slices[index].range
      sums[index] = kernels.sumOfSquares(x.base + range.lowerBound, range.count)
    }
    return isDry ? 0 : sums.elements.reduce(0, +)
  }

  package func adamW(
    _ state: AdamWState, _ slices: [AdamWSlice], _ coefficients: AdamWCoefficients
  ) {
    forEach(slices.count) { index in
      let slice = slices[index]
      if slice.rate == 0 { return }
      let (start, count) = (slice.range.lowerBound, slice.range.count)
      let place = start - state.start
      var own = coefficients
      own.learningRate *= slice.rate
      if !slice.decays { own.weightDecay = 0 }
      if slice.ramps, let ramping = state.ramping {
        kernels.rampingAdamW(
          own, period: ramping.periods.base + start, sum: ramping.sum.base + place,
          count: ramping.count.base + place, gradient: state.gradients.base + start,
          weight: state.weights.base + start, m: state.m.base + place, v: state.v.base + place,
          count)
      } else {
        kernels.adamW(
          own, gradient: state.gradients.base + start, weight: state.weights.base + start,
          m: state.m.base + place, v: state.v.base + place, count)
      }
    }
  }

  package func movingAverage(
    beta: Float, of x: AlignedBuffer<Float>, into average: AlignedBuffer<Float>,
    _ slices: [Range<Int>]
  ) {
    forEach(slices.count) { index in
      let slice = slices[index]
      kernels.movingAverage(
        beta: beta, of: x.base + slice.lowerBound, into: average.base + slice.lowerBound,
        slice.count)
    }
  }
}
