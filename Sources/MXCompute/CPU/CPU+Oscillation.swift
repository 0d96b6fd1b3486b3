import MXFormats
import MXRuntime
import Synchronization

extension CPU {
  package func trackMovement(
    weights: AlignedBuffer<Float>, quantized: AlignedBuffer<Float>, _ track: MovementTrack,
    _ slices: [Range<Int>], into movements: AlignedBuffer<WeightMovement>
  ) {
    forEach(slices.count) { index in
      let start = slices[index].lowerBound
      movements[index] = kernels.trackMovement(
        w: weights.base + start, q: quantized.base + start,
        wBefore: track.weightBefore.base + start, qBefore: track.quantizedBefore.base + start,
        wPath: track.weightPath.base + start, qPath: track.quantizedPath.base + start,
        slices[index].count)
    }
  }

  package func countDifferences(_ a: AlignedBuffer<UInt8>, _ b: AlignedBuffer<UInt8>) -> Int {
    if isDry { return 0 }
    var count = 0
    for place in 0..<a.count where a.base[place] != b.base[place] { count += 1 }
    return count
  }

  package func ratios(
    _ track: MovementTrack, _ ranges: [Range<Int>], sortedPlaces: [Int]
  ) -> [Float] {
    if isDry { return sortedPlaces.map { _ in 0 } }
    return RatioOrder(track, ranges).values(sortedPlaces)
  }

  package func countRatios(
    _ track: MovementTrack, _ range: Range<Int>, above threshold: Float
  ) -> Int {
    isDry ? 0 : range.count { track.ratio($0) > threshold }
  }

  package func updatePeriods(
    _ rule: RampingRule, _ track: MovementTrack, into periods: AlignedBuffer<Float>,
    _ slices: [Range<Int>]
  ) {
    forEach(slices.count) { index in
      for place in slices[index] { periods.base[place] = rule.period(track.ratio(place)) }
    }
  }

  package func put(
    _ values: AlignedBuffer<Float>, into x: AlignedBuffer<Float>, _ slices: [Range<Int>]
  ) {
    forEach(slices.count) { index in
      for place in slices[index] where !values.base[place].isNaN {
        x.base[place] = values.base[place]
      }
    }
  }

  package func clear(
    _ x: AlignedBuffer<Float>, where values: AlignedBuffer<Float>, _ slices: [Range<Int>]
  ) {
    forEach(slices.count) { index in
      for place in slices[index] where !values.base[place].isNaN { x.base[place] = 0 }
    }
  }

  package func follow(
    _ state: FreezeState, _ rule: FreezeRule, _ tensors: [QuantizedTensor]
  ) -> Bool {
    let isAnyNew = Atomic<Bool>(false)
    for tensor in tensors {
      forRanges(tensor.rows, length: max(1, Self.elementsPerSlice / tensor.columns)) { rows in
        for row in rows where follow(state, rule, tensor, row: row) {
          isAnyNew.store(true, ordering: .relaxed)
        }
      }
    }
    return isAnyNew.load(ordering: .relaxed)
  }

  /// An oscillation is a move of v against the direction of its last move, while the scale of its group stayed.
  private func follow(
    _ state: FreezeState, _ rule: FreezeRule, _ tensor: QuantizedTensor, row: Int
  ) -> Bool {
    let (direction, frequency, mean, held) = (
      state.direction.base, state.frequency.base, state.mean.base, state.held.base
    )
    var isAnyNew = false
    for column in 0..<tensor.columns {
      let place = tensor.offset + row * tensor.columns + column
      guard held[place].isNaN else { continue }
      let group = tensor.scalePlace(row: row, column: column)
      let (value, before) = (state.values.base[place], state.valuesBefore.base[place])
      var oscillation: Float = 0
      if value != before {
        let now: Float = value > before ? 1 : -1
        if now == -direction[place], state.scales.base[group] == state.scalesBefore.base[group] {
          oscillation = 1
        }
        direction[place] = now
      }
      frequency[place] += rule.momentum * (oscillation - frequency[place])
      mean[place] += rule.momentum * (value - mean[place])
      if let threshold = rule.threshold, frequency[place] > threshold {
        held[place] = rule.nearest(mean[place], E8M0(byte: state.scales.base[group]))
        isAnyNew = true
      }
    }
    return isAnyNew
  }

  package func reset(
    _ weights: AlignedBuffer<Float>, averages: AlignedBuffer<Float>?,
    to quantized: AlignedBuffer<Float>, _ track: MovementTrack, threshold: Float,
    isReset: UnsafeMutableBufferPointer<Bool>, _ slices: [Range<Int>]
  ) -> Int {
    let count = Atomic<Int>(0)
    forEach(slices.count) { index in
      var own = 0
      for place in slices[index] {
        let isDue = track.weightPath.base[place] > 0 && track.ratio(place) >= threshold
        isReset[place] = isDue
        guard isDue else { continue }
        let value = quantized.base[place]
        weights.base[place] = value
        averages?.base[place] = value
        own += 1
      }
      count.add(own, ordering: .relaxed)
    }
    return count.load(ordering: .relaxed)
  }

  package func countDifferences(
    _ a: FloatMatrix, _ b: FloatMatrix, unless isMarked: UnsafeMutableBufferPointer<Bool>,
    _ slices: [Range<Int>]
  ) -> Int {
    if isDry { return 0 }
    return slices.reduce(0) { sum, slice in
      sum + slice.count { !isMarked[$0] && a.base[$0] != b.base[$0] }
    }
  }

  package func confidence(_ x: FloatMatrix, _ quantizer: QuantizerRecipe) -> ConfidenceCounts {
    let format = quantizer.format
    let grid = ConfidenceGrid(format.elements)
    var counts = ConfidenceCounts()
    if isDry { return counts }
    var outerScale = outerScale(of: x, quantizer) ?? 1
    let arena = Arena(chunkCount: 1 << 12)
    let squares = quantizer.isSquare ? squares(of: x, format, arena) : nil
    for row in 0..<x.rows {
      let line = x.row(row)
      for start in stride(from: 0, to: x.columns, by: format.groupSize) {
        let group = UnsafeBufferPointer(
          start: line + start, count: min(format.groupSize, x.columns - start))
        if format.outerScale == .runs, start.isMultiple(of: OuterScale.runLength) {
          let run = min(OuterScale.runLength, x.columns - start)
          outerScale = quantizer.outerScale(largest: kernels.largestMagnitude(line + start, run))
        }
        let maximum =
          squares.map { $0.row(row / format.groupSize)[start / format.groupSize] }
          ?? group.reduce(Float(0)) { max($0, $1.magnitude) }
        var byte = format.scaleByte(
          maximum: maximum, outerScale: outerScale, quantizer.scaleRule)
        if quantizer.triesFour, byte != format.scale.nan {
          byte = format.scaleByte(
            of: Array(group), six: byte, maximum: maximum, outerScale: outerScale,
            quantizer.scaleRule)
        }
        let scale = format.scale.value(of: byte) * outerScale
        if scale.isNaN { continue }
        for value in group {
          let scaled = scale == 0 ? 0 : value / scale
          counts.add(grid.confidence(scaled.magnitude), latent: scaled, range: grid.latentRange)
        }
      }
    }
    return counts
  }
}
