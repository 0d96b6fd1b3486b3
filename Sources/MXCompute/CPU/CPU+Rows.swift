import MXRuntime

extension CPU {
  package func gather(_ x: FloatMatrix, _ map: RowMap, into y: FloatMatrix) {
    precondition(
      x.columns == y.columns && map.rows(x.rows) == y.rows,
      "\(x.rows) rows gathered into \(y.rows)")
    forRows(of: y) { rows in
      for row in rows {
        if let source = map.source(of: row) {
          y.row(row).update(from: x.row(source), count: x.columns)
        } else {
          y.row(row).update(repeating: 0, count: x.columns)
        }
      }
    }
  }

  package func gatherColumns(
    of x: FloatMatrix, at places: UnsafeMutableBufferPointer<Int>, into y: FloatMatrix
  ) {
    precondition(
      x.rows == y.rows && y.columns == places.count, "\(places.count) columns gathered")
    forRows(of: y) { rows in
      for row in rows {
        let (source, target) = (x.row(row), y.row(row))
        for (index, place) in places.enumerated() { target[index] = source[place] }
      }
    }
  }

  package func putColumns(
    _ x: FloatMatrix, at places: UnsafeMutableBufferPointer<Int>, of y: FloatMatrix, adds: Bool
  ) {
    precondition(x.rows == y.rows && x.columns == places.count, "\(places.count) columns put")
    forRows(of: x) { rows in
      for row in rows {
        let (source, target) = (x.row(row), y.row(row))
        for (index, place) in places.enumerated() {
          target[place] = adds ? target[place] + source[index] : source[index]
        }
      }
    }
  }

  package func addColumnNorms(of x: FloatMatrix, to norms: FloatMatrix) {
    forRanges(x.columns, length: 16) { columns in
      for column in columns {
        var sum = 0.0
        for row in 0..<x.rows {
          let value = Double(x.row(row)[column])
          sum += value * value
        }
        norms.base[column] += Float(sum.squareRoot())
      }
    }
  }

  package func lookUp(_ places: [Int], in table: FloatMatrix, into y: FloatMatrix) {
    forEach(y.rows) { row in
      let target = y.row(row)
      for (index, place) in places.enumerated() { target[index] = table.row(place)[row] }
    }
  }

  package func add(_ y: FloatMatrix, at places: [Int], to table: FloatMatrix) {
    forEach(y.rows) { row in
      let source = y.row(row)
      for (index, place) in places.enumerated() { table.row(place)[row] += source[index] }
    }
  }

  package func means(of x: FloatMatrix, length: Int, into y: FloatMatrix) {
    forEach(y.rows) { run in
      let mean = y.row(run)
      mean.update(repeating: 0, count: y.columns)
      kernels.addColumnSums(of: x.rows(run * length..<(run + 1) * length), to: mean)
      for channel in 0..<y.columns { mean[channel] /= Float(length) }
    }
  }

  package func spreadMeans(_ y: FloatMatrix, length: Int, into x: FloatMatrix) {
    forEach(y.rows) { run in
      // Once divided, every row is the same.
      let first = x.row(run * length)
      for channel in 0..<y.columns { first[channel] = y.row(run)[channel] / Float(length) }
      if length > 1 {
        kernels.broadcast(first, into: x.rows(run * length + 1..<(run + 1) * length))
      }
    }
  }

  package func add(
    _ branch: FloatMatrix, map: RowMap?, scaledBy scale: (Int) -> Float, length: Int,
    to x: FloatMatrix, into y: FloatMatrix
  ) {
    forRows(of: x) { rows in
      var start = rows.lowerBound
      while start < rows.upperBound {
        let run = start / length
        let (end, factor) = (min((run + 1) * length, rows.upperBound), scale(run))
        defer { start = end }
        guard let map else {
          kernels.addScaled(
            x.row(start), scale: factor, branch: branch.row(start), into: y.row(start),
            (end - start) * x.columns)
          continue
        }
        for row in start..<end {
          guard let source = map.source(of: row) else { continue }
          kernels.addScaled(
            x.row(row), scale: factor, branch: branch.row(source), into: y.row(row), x.columns)
        }
      }
    }
  }

  package func addToEachImage(_ rows: FloatMatrix, to x: FloatMatrix) {
    forEach(x.rows / rows.rows) { image in
      let own = x.row(image * rows.rows)
      kernels.addScaled(own, scale: 1, branch: rows.base, into: own, rows.count)
    }
  }

  package func multiply(
    _ x: FloatMatrix, byEachImage rows: FloatMatrix, into y: FloatMatrix
  ) {
    forRows(of: x) { range in
      for row in range {
        let (numbers, factors, target) = (x.row(row), rows.row(row % rows.rows), y.row(row))
        for column in 0..<x.columns { target[column] = numbers[column] * factors[column] }
      }
    }
  }

  package func addImages(of x: FloatMatrix, to rows: FloatMatrix) {
    // Each element's sum is one thread's, in the order of the images.
    forRanges(rows.count, length: Self.elementsPerSlice) { range in
      let sum = rows.base + range.lowerBound
      for image in 0..<x.rows / rows.rows {
        kernels.addScaled(
          sum, scale: 1, branch: x.row(image * rows.rows) + range.lowerBound, into: sum,
          range.count)
      }
    }
  }

  package func initialize(_ x: FloatMatrix, _ values: InitialValues, random: RandomStream) {
    forRanges(x.count, length: Self.elementsPerSlice) { range in
      for place in range { x.base[place] = values.value(at: place, random) }
    }
  }

  package func fill(_ x: FloatMatrix, with value: Float) {
    forRanges(x.count, length: Self.elementsPerSlice) { range in
      (x.base + range.lowerBound).update(repeating: value, count: range.count)
    }
  }

  package func copy(_ x: FloatMatrix, into y: FloatMatrix) {
    precondition(x.count == y.count, "\(x.count) elements copied into \(y.count)")
    forRanges(x.count, length: Self.elementsPerSlice) { range in
      (y.base + range.lowerBound).update(from: x.base + range.lowerBound, count: range.count)
    }
  }

  package func add(_ x: FloatMatrix, to y: FloatMatrix) {
    precondition(x.count == y.count, "\(x.count) elements added to \(y.count)")
    forRanges(x.count, length: Self.elementsPerSlice) { range in
      let sum = y.base + range.lowerBound
      kernels.addScaled(sum, scale: 1, branch: x.base + range.lowerBound, into: sum, range.count)
    }
  }

  package func scale(_ x: FloatMatrix, by factor: Float) {
    guard factor != 1 else { return }
    forRanges(x.count, length: Self.elementsPerSlice) { range in
      for index in range { x.base[index] *= factor }
    }
  }

  package func addDifference(
    _ a: FloatMatrix, _ b: FloatMatrix, scale: Float, to y: FloatMatrix
  ) {
    forRanges(y.count, length: Self.elementsPerSlice) { range in
      let start = range.lowerBound
      kernels.addScaledDifference(
        to: y.base + start, scale: scale, a.base + start, b.base + start, range.count)
    }
  }

  package func sumOfSquares(_ x: FloatMatrix) -> Double {
    isDry ? 0 : kernels.sumOfSquares(x.base, x.count)
  }
}
