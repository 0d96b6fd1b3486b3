import MXRuntime

extension Reference {
  // Blocks of 1024 elements in single precision, their sums in double.
  package func trackMovement(
    weights: AlignedBuffer<Float>, quantized: AlignedBuffer<Float>, _ track: MovementTrack,
    _ slices: [Range<Int>], into movements: AlignedBuffer<WeightMovement>
  ) {
    for (index, slice) in slices.enumerated() {
      var movement = WeightMovement()
      for start in stride(from: slice.lowerBound, to: slice.upperBound, by: 64 * Self.lanes) {
        let block = start..<min(start + 64 * Self.lanes, slice.upperBound)
        func sum(_ term: (Int) -> Float) -> Double {
          Double(Self.sum(block.count) { term(block.lowerBound + $0) })
        }
        func squared(_ x: Float) -> Float { x * x }
        movement.change += sum { squared(weights[$0] - track.weightBefore[$0]) }
        movement.magnitude += sum { squared(track.weightBefore[$0]) }
        movement.quantizedChange += sum { squared(quantized[$0] - track.quantizedBefore[$0]) }
        movement.quantizedMagnitude += sum { squared(track.quantizedBefore[$0]) }
        for place in block {
          if quantized[place] != track.quantizedBefore[place] { movement.flips += 1 }
          track.weightPath[place] += (weights[place] - track.weightBefore[place]).magnitude
          track.quantizedPath[place] += (quantized[place] - track.quantizedBefore[place]).magnitude
          track.weightBefore[place] = weights[place]
          track.quantizedBefore[place] = quantized[place]
        }
      }
      movements[index] = movement
    }
  }

  // The rest `CPU` has in plain Swift.

  package func countDifferences(_ a: AlignedBuffer<UInt8>, _ b: AlignedBuffer<UInt8>) -> Int {
    plain.countDifferences(a, b)
  }

  package func ratios(
    _ track: MovementTrack, _ ranges: [Range<Int>], sortedPlaces: [Int]
  ) -> [Float] {
    let sorted = ranges.joined().map(track.ratio).sorted()
    return sortedPlaces.map { sorted[$0] }
  }

  package func countRatios(
    _ track: MovementTrack, _ range: Range<Int>, above threshold: Float
  ) -> Int { plain.countRatios(track, range, above: threshold) }

  package func updatePeriods(
    _ rule: RampingRule, _ track: MovementTrack, into periods: AlignedBuffer<Float>,
    _ slices: [Range<Int>]
  ) { plain.updatePeriods(rule, track, into: periods, slices) }

  package func put(
    _ values: AlignedBuffer<Float>, into x: AlignedBuffer<Float>, _ slices: [Range<Int>]
  ) { plain.put(values, into: x, slices) }

  package func clear(
    _ x: AlignedBuffer<Float>, where values: AlignedBuffer<Float>, _ slices: [Range<Int>]
  ) { plain.clear(x, where: values, slices) }

  package func follow(
    _ state: FreezeState, _ rule: FreezeRule, _ tensors: [QuantizedTensor]
  ) -> Bool { plain.follow(state, rule, tensors) }

  package func reset(
    _ weights: AlignedBuffer<Float>, averages: AlignedBuffer<Float>?,
    to quantized: AlignedBuffer<Float>, _ track: MovementTrack, threshold: Float,
    isReset: UnsafeMutableBufferPointer<Bool>, _ slices: [Range<Int>]
  ) -> Int {
    plain.reset(
      weights, averages: averages, to: quantized, track, threshold: threshold, isReset: isReset,
      slices)
  }

  package func countDifferences(
    _ a: FloatMatrix, _ b: FloatMatrix, unless isMarked: UnsafeMutableBufferPointer<Bool>,
    _ slices: [Range<Int>]
  ) -> Int { plain.countDifferences(a, b, unless: isMarked, slices) }

  package func confidence(_ x: FloatMatrix, _ quantizer: QuantizerRecipe) -> ConfidenceCounts {
    plain.confidence(x, quantizer)
  }
}
