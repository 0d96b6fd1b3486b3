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
    guard let recipe = encoding.quantizer else { return (Encoded(exact: x, axis: axis), 0) }
    let quantized = quantize(x, averages, axis, recipe, random)
    let broken = quantized.scales.count { recipe.format.scale.value(of: $0).isNaN }
    guard encoding.isCodes else {
      let values = quantized.values
      return (
        Encoded(exact: arena.matrix(rows: x.rows, columns: x.columns) { values[$0] }, axis: axis),
        broken
      )
    }
    let codes = arena.packed(rows: x.rows, columns: x.columns, axis: axis, format: recipe.format)
    codes.write(quantized)
    return (Encoded(.codes(codes), axis: axis), broken)
  }

  private func quantize(
    _ x: FloatMatrix, _ averages: FloatMatrix?, _ axis: GroupAxis, _ recipe: QuantizerRecipe,
    _ random: RandomStream
  ) -> QuantizedMatrix {
    Quantizer(
      format: recipe.format, scaleRule: recipe.scaleRule,
      rounding: recipe.without(averages).rounding, axis: axis
    ).quantize(
      Array(x.elements), rows: x.rows, columns: x.columns, ema: averages.map { Array($0.elements) },
      randomBits: { random.roundingBits(row: $0, column: $1) })
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
          operand: operand, broken: broken, losses: losses(numbers, axis: axis, request))
      }
    }
    return (operand(rows, .rows), operand(columns, .columns))
  }

  /// As `Compute` says: what the quantizer makes of the operand's numbers.
  package func recode(
    _ operand: Encoded, axis: GroupAxis, _ encoding: Encoding, random: RandomStream, arena: Arena
  ) -> (operand: Encoded, broken: Int) {
    let values: FloatMatrix
    switch operand.content {
    case .numbers(let x): values = x
    case .codes:
      values = arena.matrix(rows: operand.shape.rows, columns: operand.shape.columns)
      decode(operand, into: values)
    }
    return encode(values, averages: nil, axis: axis, encoding, random: random, arena: arena)
  }

  /// As `Compute` says.
  package func decode(_ operand: Encoded, into values: FloatMatrix) {
    switch operand.content {
    case .numbers(let x): copy(x, into: values)
    case .codes(let view):
      for (place, value) in view.quantized(axis: operand.axis).values.enumerated() {
        values.elements[place] = value
      }
    }
  }

  /// As `Compute` says.
  package func losses(
    _ x: FloatMatrix, averages: FloatMatrix?, axis: GroupAxis, _ quantizer: QuantizerRecipe,
    random: RandomStream
  ) -> QuantizerLosses {
    let quantized = quantize(x, averages, axis, quantizer, random)
    var losses = QuantizerLosses(elements: x.count, saturated: 0, underflowed: 0)
    for (place, value) in x.elements.enumerated() {
      let (row, column) = place.quotientAndRemainder(dividingBy: x.columns)
      let scale = quantized.scale(row: row, column: column)
      if scale.isNaN { continue }
      if value.magnitude / scale > quantizer.format.elements.maximum { losses.saturated += 1 }
      if value != 0, quantized.codes[place] & 7 == 0 { losses.underflowed += 1 }
    }
    return losses
  }

  /// As `Compute` says: `referenceProduct`, or sums term by term, and the bias at the end.
  package func product(
    _ a: Encoded, _ b: Encoded, bias: FloatMatrix?, into c: FloatMatrix, accumulates: Bool,
    arena: Arena
  ) {
    let sums: [Float]
    if case .codes(let left) = a.content, case .codes(let right) = b.content {
      // Lane by lane, whatever the axis of the matrix.
      sums = referenceProduct(left.quantized(axis: .rows), right.quantized(axis: .rows))
    } else {
      sums = arena.scratch { plainSums(lanes(a, arena), lanes(b, arena)) }
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
}
