import MXRuntime

extension Reference {
  package func gather(_ x: FloatMatrix, _ map: RowMap, into y: FloatMatrix) {
    for row in 0..<y.rows {
      let (image, place) = row.quotientAndRemainder(dividingBy: map.sources.count)
      for column in 0..<y.columns {
        y.row(row)[column] =
          map.sources[place] < 0 ? 0 : x.row(image * map.length + map.sources[place])[column]
      }
    }
  }

  package func gatherColumns(
    of x: FloatMatrix, at places: UnsafeMutableBufferPointer<Int>, into y: FloatMatrix
  ) {
    for place in y.elements.indices {
      y.elements[place] = x.row(place / places.count)[places[place % places.count]]
    }
  }

  package func putColumns(
    _ x: FloatMatrix, at places: UnsafeMutableBufferPointer<Int>, of y: FloatMatrix, adds: Bool
  ) {
    for (place, value) in x.elements.enumerated() {
      let (row, column) = (place / places.count, places[place % places.count])
      y.row(row)[column] = adds ? y.row(row)[column] + value : value
    }
  }

  package func addColumnNorms(of x: FloatMatrix, to norms: FloatMatrix) {
    for column in 0..<x.columns {
      let squares = (0..<x.rows).map { Double(x.row($0)[column]) * Double(x.row($0)[column]) }
      norms.elements[column] += Float(squares.reduce(0, +).squareRoot())
    }
  }

  package func lookUp(_ places: [Int], in table: FloatMatrix, into y: FloatMatrix) {
    for row in 0..<y.rows {
      for (index, place) in places.enumerated() { y.row(row)[index] = table.row(place)[row] }
    }
  }

  package func add(_ y: FloatMatrix, at places: [Int], to table: FloatMatrix) {
    for row in 0..<y.rows {
      for (index, place) in places.enumerated() { table.row(place)[row] += y.row(row)[index] }
    }
  }

  package func means(of x: FloatMatrix, length: Int, into y: FloatMatrix) {
    for run in 0..<y.rows {
      for column in 0..<y.columns {
        var sum: Float = 0
        for row in run * length..<(run + 1) * length { sum += x.row(row)[column] }
        y.row(run)[column] = sum / Float(length)
      }
    }
  }

  package func spreadMeans(_ y: FloatMatrix, length: Int, into x: FloatMatrix) {
    for row in 0..<x.rows {
      for column in 0..<x.columns {
        x.row(row)[column] = y.row(row / length)[column] / Float(length)
      }
    }
  }

  package func add(
    _ branch: FloatMatrix, map: RowMap?, scaledBy scale: (Int) -> Float, length: Int,
    to x: FloatMatrix, into y: FloatMatrix
  ) {
    for row in 0..<y.rows {
      guard let source = map.source(of: row) else { continue }
      for column in 0..<y.columns {
        y.row(row)[column] =
          x.row(row)[column] + branch.row(source)[column] * scale(row / length)
      }
    }
  }

  package func addToEachImage(_ rows: FloatMatrix, to x: FloatMatrix) {
    for place in 0..<x.count { x.elements[place] += rows.elements[place % rows.count] }
  }

  package func multiply(
    _ x: FloatMatrix, byEachImage rows: FloatMatrix, into y: FloatMatrix
  ) {
    for place in 0..<x.count {
      y.elements[place] = x.elements[place] * rows.elements[place % rows.count]
    }
  }

  package func addImages(of x: FloatMatrix, to rows: FloatMatrix) {
    for place in 0..<x.count { rows.elements[place % rows.count] += x.elements[place] }
  }

  package func initialize(_ x: FloatMatrix, _ values: InitialValues, random: RandomStream) {
    for place in 0..<x.count { x.elements[place] = values.value(at: place, random) }
  }

  package func fill(_ x: FloatMatrix, with value: Float) {
    for place in 0..<x.count { x.elements[place] = value }
  }

  package func copy(_ x: FloatMatrix, into y: FloatMatrix) {
    for place in 0..<x.count { y.elements[place] = x.elements[place] }
  }

  package func add(_ x: FloatMatrix, to y: FloatMatrix) {
    for place in 0..<x.count { y.elements[place] += x.elements[place] }
  }

  package func scale(_ x: FloatMatrix, by factor: Float) {
    for place in 0..<x.count { x.elements[place] *= factor }
  }

  package func addDifference(
    _ a: FloatMatrix, _ b: FloatMatrix, scale: Float, to y: FloatMatrix
  ) {
    for place in 0..<y.count {
      y.elements[place] += (a.elements[place] - b.elements[place]) * scale
    }
  }

  package func sumOfSquares(_ x: FloatMatrix) -> Double { Self.sumOfSquares(Array(x.elements)) }

  /// Sixteen squares at a time in single precision, and the sums of these in double.
  static func sumOfSquares(_ x: [Float]) -> Double {
    stride(from: 0, to: x.count, by: lanes).reduce(0) { total, start in
      let squares = (start..<start + lanes).map { $0 < x.count ? x[$0] * x[$0] : 0 }
      return total + Double(sum(squares))
    }
  }
}
