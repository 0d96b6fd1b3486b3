import MXCompute
import MXFormats
import MXRuntime
import TestSupport

extension Trial {
  mutating func rows() {
    let (x, table) = (normals(40, 6, seed: 40), normals(5, 6, seed: 41))
    let map = RowMap([3, -1, 0, 7, 7], of: 8)
    let gathered = arena.matrix(rows: map.rows(40), columns: 6)
    compute.gather(x, map, into: gathered)
    let places = [0, 4, 4, 2, 1, 0, 3]
    let found = arena.matrix(rows: 6, columns: places.count)
    compute.lookUp(places, in: table, into: found)
    compute.add(found, at: places, to: table)
    note("rows that move", gathered, found, table)
    // Rows of images that slices divide.
    let (long, short) = (normals(2100, 40, seed: 45), normals(2400, 40, seed: 46))
    let turned = RowMap((0..<800).map { ($0 * 7 + 3) % 701 - 1 }, of: 700)
    let many = arena.matrix(rows: 2400, columns: 40)
    compute.gather(long, turned, into: many)
    note("rows of long images", many)
    compute.add(short, map: nil, scaledBy: { Float($0) / 3 }, length: 800, to: many, into: many)
    compute.add(
      short, map: turned.inverse, scaledBy: { Float($0) - 2 }, length: 700, to: long, into: long)
    note("sums of long images", many, long)
    let (means, spread) = (arena.matrix(rows: 5, columns: 6), arena.matrix(rows: 40, columns: 6))
    compute.means(of: x, length: 8, into: means)
    compute.spreadMeans(means, length: 8, into: spread)
    note("means", means, spread)
    let (y, images) = (normals(40, 6, seed: 42), normals(8, 6, seed: 43))
    compute.add(x, map: nil, scaledBy: { Float($0) / 3 }, length: 8, to: y, into: y)
    compute.add(
      gathered, map: RowMap([2, 0, -1, 4, 1, 1, 3, 0], of: 5), scaledBy: { Float($0) - 2 },
      length: 8, to: y, into: y)
    compute.addToEachImage(images, to: y)
    compute.multiply(y, byEachImage: images, into: y)
    note("products of rows", y)
    compute.addImages(of: y, to: images)
    compute.scale(y, by: 0.3)
    compute.addDifference(x, spread, scale: -0.7, to: y)
    compute.add(x, to: y)
    note("sums of rows", y, images)
    compute.copy(y, into: spread)
    compute.fill(y, with: 2)
    note("copies", spread, y)
    note(
      "squares", [compute.sumOfSquares(spread), compute.sumOfSquares(normals(1, 1001, seed: 44))])
  }

  mutating func optimizer() {
    let count = 1100
    let ranges = [0..<500, 500..<517, 517..<count]
    let (weights, m) = (buffer(count, seed: 50), buffer(count, seed: 51))
    let (v, average) = (buffer(count, seed: 52), buffer(count, seed: 53))
    for place in 0..<count { v[place] = v[place].magnitude }
    let (sum, waited, periods) = (
      buffer(count, seed: 54), buffer(count, seed: 55), buffer(count, seed: 56)
    )
    // No period of the periods divides where a range begins.
    for place in 0..<count {
      (waited[place], periods[place]) = (Float(place % 3), Float(1 + place % 7 % 4))
    }
    var state = AdamWState(weights: weights, gradients: buffer(count, seed: 57), m: m, v: v)
    let slices = [
      AdamWSlice(ranges[0], decays: true, ramps: true, rate: 1),
      AdamWSlice(ranges[1], decays: false, ramps: false, rate: 0),
      AdamWSlice(ranges[2], decays: true, ramps: false, rate: 0.7),
    ]
    for step in 1...3 {
      if step > 1 { state.ramping = (periods, sum, waited) }
      compute.adamW(
        state, slices,
        AdamWCoefficients(
          learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.05,
          step: step,
          gradientScale: 0.8))
    }
    note("AdamW", weights, m, v, sum, waited)
    // The moments of the last slices alone.
    let place = ranges[1].lowerBound
    let own = (0..<4).map { buffer(count - place, seed: UInt64(58 + $0)) }
    for index in 0..<count - place { own[1][index] = own[1][index].magnitude }
    var part = AdamWState(weights: weights, gradients: state.gradients, m: own[0], v: own[1])
    (part.start, part.ramping) = (place, (periods, own[2], own[3]))
    let last = AdamWSlice(ranges[2], decays: true, ramps: true, rate: 1)
    compute.adamW(
      part, [slices[1], last],
      AdamWCoefficients(
        learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.05, step: 4,
        gradientScale: 0.8))
    note("AdamW of a part", weights, own[0], own[1], own[2], own[3])
    let sums = AlignedBuffer<Double>(count: 3)
    let total = compute.sumOfSquares(weights, slices, sums: sums)
    note("sums of squares", Array(sums.elements) + [total])
    compute.movingAverage(beta: 0.998, of: weights, into: average, ranges)
    note("moving average", average)
    let track = MovementTrack(count: count)
    let movements = AlignedBuffer<WeightMovement>(count: 3)
    for _ in 0..<2 {
      compute.trackMovement(
        weights: weights, quantized: average, track, ranges, into: movements)
      for place in 0..<count where place % 3 == 0 { weights[place] += 0.125 }
    }
    let places = [0, 1, 17, ranges.joined().count - 1]
    note("ratios", compute.ratios(track, ranges, sortedPlaces: places).map(Double.init))
    note("large ratios", [Double(compute.countRatios(track, ranges[0], above: 1))])
    note("paths", track.weightPath, track.quantizedPath, track.weightBefore, track.quantizedBefore)
    note(
      "movements",
      movements.elements.flatMap {
        [$0.change, $0.magnitude, $0.quantizedChange, $0.quantizedMagnitude, Double($0.flips)]
      })
  }
}
