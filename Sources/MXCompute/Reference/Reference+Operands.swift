import MXFormats
import MXRuntime

extension Reference {
  /// As `Compute` says, by the definition of the quantizer.
  package func encode(
    _ x: FloatMatrix, averages: FloatMatrix?, axis: GroupAxis, _ encoding: Encoding,
    random: RandomStream, arena: Arena
  ) -> (operand: Encoded, broken: Int) {
    if encoding == .bfloat16 {
      let out = arena.matrix(rows: x.rows, columns: x.columns) { x.elements[$0].roundedToBFloat16 }
      return (Encoded(exact: out, axis: axis), 0)
    }
    guard encoding.quantizer != nil else { return (Encoded(exact: x, axis: axis), 0) }
    return encode(x, averages, axis, encoding, outerScale: nil, random, arena)
  }

  /// The same by a quantizer, under an outer scale; nil for the one that follows from x.
  private func encode(
    _ x: FloatMatrix, _ averages: FloatMatrix?, _ axis: GroupAxis, _ encoding: Encoding,
    outerScale: Float?, _ random: RandomStream, _ arena: Arena
  ) -> (operand: Encoded, broken: Int) {
    guard let recipe = encoding.quantizer else { preconditionFailure("no quantizer") }
    let quantized = quantize(x, averages, axis, recipe, outerScale: outerScale, random)
    let broken = quantized.scales.count { recipe.format.scale.value(of: $0).isNaN }
    let outerScale = recipe.format.outerScale == .matrix ? quantized.outerScale : nil
    return (operand(quantized, axis, outerScale, isCodes: encoding.isCodes, arena), broken)
  }

  private func operand(
    _ matrix: QuantizedMatrix, _ axis: GroupAxis, _ outerScale: Float?, isCodes: Bool,
    _ arena: Arena
  ) -> Encoded {
    let (rows, columns) = (matrix.rows, matrix.columns)
    guard isCodes else {
      // On one grid all is in its unit.
      let values = (matrix.format.scale == .one ? matrix.withoutOuterScale : matrix).values
      return Encoded(
        rounded: arena.matrix(rows: rows, columns: columns) { values[$0] }, axis: axis,
        matrix.format, outerScale: outerScale)
    }
    let codes = arena.packed(rows: rows, columns: columns, axis: axis, format: matrix.format)
    codes.write(matrix)
    return Encoded(.codes(codes), axis: axis, outerScale: outerScale)
  }

  private func quantize(
    _ x: FloatMatrix, _ averages: FloatMatrix?, _ axis: GroupAxis, _ recipe: QuantizerRecipe,
    outerScale: Float? = nil, _ random: RandomStream
  ) -> QuantizedMatrix {
    var quantizer = Quantizer(
      format: recipe.format, scaleRule: recipe.scaleRule,
      rounding: recipe.without(averages).rounding, axis: axis)
    (quantizer.isSquare, quantizer.triesFour) = (recipe.isSquare, recipe.triesFour)
    return quantizer.quantize(
      numbers(x, axis, recipe, random), rows: x.rows, columns: x.columns,
      ema: averages.map { numbers($0, axis, recipe, random) }, outerScale: outerScale,
      randomBits: { random.roundingBits(row: $0, column: $1) })
  }

  /// What a quantizer reads.
  private func numbers(
    _ x: FloatMatrix, _ axis: GroupAxis, _ recipe: QuantizerRecipe, _ random: RandomStream
  ) -> [Float] {
    guard let rotation = recipe.rotation else { return Array(x.elements) }
    return Self.rotated(x, axis, rotation, signs: rotation.signs(random))
  }

  /// x, of which whole groups are rotated: sums and differences of neighbours, of neighbouring pairs, and so on.
  static func rotated(
    _ x: FloatMatrix, _ axis: GroupAxis, _ rotation: QuantizerRecipe.Rotation, signs: UInt32
  ) -> [Float] {
    let size = rotation.length
    var y = Array(x.elements)
    let (lanes, length) = axis == .rows ? (x.rows, x.columns) : (x.columns, x.rows)
    func place(_ lane: Int, _ index: Int) -> Int {
      axis == .rows ? lane * x.columns + index : index * x.columns + lane
    }
    let norm = 1 / Float(size).squareRoot()
    for lane in 0..<lanes {
      for start in stride(from: 0, through: length - size, by: size) {
        for index in 0..<size where signs >> UInt32(index) & 1 == 1 {
          y[place(lane, start + index)].negate()
        }
        for half in [1, 2, 4, 8, 16] where half < size {
          for index in 0..<size where index & half == 0 {
            let (first, second) = (place(lane, start + index), place(lane, start + index + half))
            (y[first], y[second]) = (y[first] + y[second], y[first] - y[second])
          }
        }
        for index in start..<start + size { y[place(lane, index)] *= norm }
      }
    }
    return y
  }

  package func rotate(
    _ x: FloatMatrix, by rotation: QuantizerRecipe.Rotation, into y: FloatMatrix, adds: Bool
  ) {
    for (place, value) in Self.rotated(x, .rows, rotation, signs: 0).enumerated() {
      y.elements[place] = adds ? y.elements[place] + value : value
    }
  }

  /// As `Compute` says; the sums of strips of 32 rows join those of their slice.
  package func encode(
    _ x: LazyMatrix, rows: OperandRequest?, columns: OperandRequest?,
    addingColumnSumsTo sums: FloatMatrix?, arena: Arena, profile: StepProfile?
  ) -> (rows: EncodedOperand?, columns: EncodedOperand?) {
    let numbers = arena.matrix(rows: x.shape.rows, columns: x.shape.columns)
    make(x, into: numbers, arena: arena, profile: profile)
    if let sums {
      reduceRows(numbers.rows, into: sums) { slice, partial in
        let strip = BlockFormat.longestGroup
        for start in stride(from: slice.lowerBound, to: slice.upperBound, by: strip) {
          Self.addColumnSums(
            of: numbers, start..<min(start + strip, slice.upperBound), to: &partial)
        }
      }
    }
    func operand(_ request: OperandRequest?, _ axis: GroupAxis) -> EncodedOperand? {
      request.map { request in
        let (operand, broken) = encode(
          numbers, averages: nil, axis: axis, request.encoding, random: request.random,
          arena: request.arena)
        return EncodedOperand(
          operand: operand, broken: broken,
          losses: losses(numbers, axis: axis, request, arena: arena))
      }
    }
    return (operand(rows, .rows), operand(columns, .columns))
  }

  /// As `Compute` says: what the quantizer makes of the operand's numbers.
  package func recode(
    _ operand: Encoded, axis: GroupAxis, _ encoding: Encoding, random: RandomStream, arena: Arena
  ) -> (operand: Encoded, broken: Int) {
    if let format = encoding.quantizer?.format, format.scale == .one,
      operand.keptOuterScale(encoding) != nil
    {
      // One grid is good for both axes: the numbers are on it.
      let (rows, columns) = operand.shape
      let shape = format.scaleShape(rows: rows, columns: columns, along: axis)
      let unscaled = arena.matrix(rows: rows, columns: columns)
      decode(Encoded(operand.content, axis: operand.axis), into: unscaled)
      let codes = unscaled.elements.map { value in
        format.elements.magnitudeCode(of: value.magnitude, .nearestEven)
          | (value.sign == .minus ? 8 : 0)
      }
      let matrix = QuantizedMatrix(
        format: format, axis: axis, rows: rows, columns: columns, codes: codes,
        scales: [UInt8](repeating: E8M0(exponent: 0).byte, count: shape.rows * shape.columns))
      return (
        self.operand(matrix, axis, operand.outerScale, isCodes: encoding.isCodes, arena), 0
      )
    }
    let values: FloatMatrix
    switch operand.content {
    case .numbers(let x) where operand.pendingScale == nil: values = x
    default:
      values = arena.matrix(rows: operand.shape.rows, columns: operand.shape.columns)
      decode(operand, into: values)
    }
    guard encoding.quantizer != nil else {
      return encode(values, averages: nil, axis: axis, encoding, random: random, arena: arena)
    }
    return encode(
      values, nil, axis, encoding, outerScale: operand.keptOuterScale(encoding), random, arena)
  }

  /// As `Compute` says.
  package func decode(_ operand: Encoded, into values: FloatMatrix) {
    switch operand.content {
    case .numbers(let x):
      copy(x, into: values)
      guard let scale = operand.pendingScale else { return }
      for place in values.elements.indices { values.elements[place] *= scale }
    case .codes(let view):
      let matrix = view.quantized(axis: operand.axis, outerScale: operand.outerScale ?? 1)
      for (place, value) in matrix.values.enumerated() { values.elements[place] = value }
    }
  }

  /// As `Compute` says.
  package func losses(
    _ x: FloatMatrix, averages: FloatMatrix?, axis: GroupAxis, _ quantizer: QuantizerRecipe,
    random: RandomStream, arena: Arena
  ) -> QuantizerLosses {
    let quantized = quantize(x, averages, axis, quantizer, random)
    var losses = QuantizerLosses(elements: x.count, saturated: 0, underflowed: 0)
    for (place, value) in numbers(x, axis, quantizer, random).enumerated() {
      let (row, column) = place.quotientAndRemainder(dividingBy: x.columns)
      let scale = quantized.scale(row: row, column: column)
      if scale.isNaN { continue }
      if value.magnitude / scale > quantizer.format.elements.maximum { losses.saturated += 1 }
      if value != 0, quantized.value(row: row, column: column) == 0 { losses.underflowed += 1 }
    }
    return losses
  }

  /// As `Compute` says: `referenceProduct`, or sums term by term, and the bias at the end.
  package func product(
    _ a: Encoded, _ b: Encoded, bias: FloatMatrix?, into c: FloatMatrix, accumulates: Bool,
    arena: Arena
  ) {
    let isMixed = a.isCodes != b.isCodes
    /// Codes beside numbers stand for their values, with the outer scale.
    func isScaled(_ operand: Encoded) -> Bool { isMixed && operand.isCodes }
    let pending = [a, b].filter { !isScaled($0) }.compactMap(\.pendingScale)
    var sums: [Float]
    if case .codes(let left) = a.content, case .codes(let right) = b.content {
      // Lane by lane, whatever the axis of the matrix.
      sums = referenceProduct(left.quantized(axis: .rows), right.quantized(axis: .rows))
    } else {
      func numbers(_ operand: Encoded) -> FloatMatrix {
        lanes(isScaled(operand) ? operand : Encoded(operand.content, axis: operand.axis), arena)
      }
      sums = arena.scratch { plainSums(numbers(a), numbers(b)) }
    }
    if !pending.isEmpty {
      let scale = pending.reduce(1, *)
      sums = sums.map { $0 * scale }
    }
    for (place, sum) in sums.enumerated() {
      c.elements[place] =
        accumulates ? c.elements[place] + sum : sum + (bias?.elements[place % c.columns] ?? 0)
    }
  }

  /// The numbers of an operand, one row a lane.
  private func lanes(_ operand: Encoded, _ arena: Arena) -> FloatMatrix {
    let values = arena.matrix(rows: operand.shape.rows, columns: operand.shape.columns)
    decode(operand, into: values)
    guard operand.axis == .columns else { return values }
    return arena.matrix(rows: values.columns, columns: values.rows) { place in
      let (lane, term) = place.quotientAndRemainder(dividingBy: values.rows)
      return values.row(term)[lane]
    }
  }

  private func plainSums(_ a: FloatMatrix, _ b: FloatMatrix) -> [Float] {
    (0..<a.rows * b.rows).map { place in
      let (left, right) = (a.row(place / b.rows), b.row(place % b.rows))
      return (0..<a.columns).reduce(0) { $0.addingProduct(left[$1], right[$1]) }
    }
  }

  package func copyScales(
    of operand: Encoded, into scales: AlignedBuffer<UInt8>, at place: Int
  ) {
    guard case .codes(let view) = operand.content else { preconditionFailure("no codes") }
    for (index, scale) in view.quantized(axis: .rows).scales.enumerated() {
      scales[place + index] = scale
    }
  }

  package func copyUnits(
    of operand: Encoded, into units: AlignedBuffer<Float>, at place: Int
  ) {
    guard case .codes(let view) = operand.content else { preconditionFailure("no codes") }
    let matrix = view.quantized(axis: .rows, outerScale: operand.outerScale ?? 1)
    for row in 0..<view.lanes {
      for group in 0..<view.groups {
        units[place + row * view.groups + group] =
          matrix.scale(row: row, column: group * view.format.groupSize)
      }
    }
  }
}
