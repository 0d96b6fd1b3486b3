import MXFormats
import MXRuntime
import Synchronization

extension CPU {
  /// As `Compute` says; slices are whole groups in either direction.
  package func encode(
    _ x: FloatMatrix, averages: FloatMatrix?, axis: GroupAxis, _ encoding: Encoding,
    random: RandomStream, arena: Arena
  ) -> (operand: Encoded, broken: Int) {
    switch encoding {
    case .exact: return (Encoded(exact: x, axis: axis), 0)
    case .bfloat16:
      let out = arena.matrix(rows: x.rows, columns: x.columns)
      forRows(of: x) { rows in
        let (from, to) = (x.rows(rows).elements, out.rows(rows).elements)
        for place in from.indices { to[place] = from[place].roundedToBFloat16 }
      }
      return (Encoded(exact: out, axis: axis), 0)
    case .rounded(let quantizer) where quantizer.format.outerScale == .matrix:
      let out = arena.matrix(rows: x.rows, columns: x.columns)
      let scale = divide(x, byOuterScaleOf: quantizer.format, into: out)
      let broken = round(
        out, averages: nil, into: out, axis: axis, quantizer, random: random)
      return (Encoded(.numbers(out), axis: axis, outerScale: scale), broken)
    case .codes(let quantizer) where quantizer.format.outerScale == .matrix:
      let out = arena.packed(
        rows: x.rows, columns: x.columns, axis: axis, format: quantizer.format)
      return arena.scratch {
        let divided = arena.matrix(rows: x.rows, columns: x.columns)
        let scale = divide(x, byOuterScaleOf: quantizer.format, into: divided)
        let broken = pack(
          divided, averages: nil, into: out, axis: axis, quantizer, random: random)
        return (Encoded(.codes(out), axis: axis, outerScale: scale), broken)
      }
    case .rounded(let quantizer):
      let out = arena.matrix(rows: x.rows, columns: x.columns)
      let broken = round(x, averages: averages, into: out, axis: axis, quantizer, random: random)
      return (Encoded(exact: out, axis: axis), broken)
    case .codes(let quantizer):
      let out = arena.packed(
        rows: x.rows, columns: x.columns, axis: axis, format: quantizer.format)
      let broken = pack(x, averages: averages, into: out, axis: axis, quantizer, random: random)
      return (Encoded(.codes(out), axis: axis), broken)
    }
  }

  /// out = x / s with the outer scale s by which a format takes x.
  private func divide(
    _ x: FloatMatrix, byOuterScaleOf format: BlockFormat, into out: FloatMatrix
  ) -> Float {
    // Magnitudes are in order as integers. What is not finite has no scale, and is found by the quantizer.
    let largest = Atomic<UInt32>(0)
    forRows(of: x) { rows in
      var own: UInt32 = 0
      for value in x.rows(rows).elements {
        let bits = value.magnitude.bitPattern
        own = max(own, bits < Float.infinity.bitPattern ? bits : 0)
      }
      largest.max(own, ordering: .relaxed)
    }
    let maximum = Float(bitPattern: largest.load(ordering: .relaxed))
    let scale = maximum == 0 ? 1 : maximum / format.largestWithoutOuterScale
    forRows(of: x) { rows in
      let (from, to) = (x.rows(rows).elements, out.rows(rows).elements)
      for place in from.indices { to[place] = from[place] / scale }
    }
    return scale
  }

  /// As `Compute` says, tile by tile where both become codes.
  package func encode(
    _ x: LazyMatrix, rows: OperandRequest?, columns: OperandRequest?,
    addingColumnSumsTo sums: FloatMatrix?, arena: Arena, profile: StepProfile?
  ) -> (rows: EncodedOperand?, columns: EncodedOperand?) {
    let targets = (
      PackingTarget(rows, axis: .rows, of: x.shape),
      PackingTarget(columns, axis: .columns, of: x.shape)
    )
    let needsMemory = (rows != nil && targets.0 == nil) || (columns != nil && targets.1 == nil)
    var x = x
    if needsMemory || !x.isMadeInTiles { x = inMemory(x, arena, profile) }
    var packed = (PackingResult(), PackingResult())
    if targets.0 != nil || targets.1 != nil || sums != nil {
      packed = packTiles(of: x, targets: targets, sums: sums, arena: arena, profile: profile)
    }
    func operand(
      _ request: OperandRequest?, _ target: PackingTarget?, _ packed: PackingResult,
      _ axis: GroupAxis
    ) -> EncodedOperand? {
      guard let request else { return nil }
      if let target {
        return EncodedOperand(
          operand: Encoded(.codes(target.out), axis: axis), broken: packed.broken,
          losses: target.countsLosses ? packed.losses(of: x.shape) : nil)
      }
      guard let x = x.matrix else { preconditionFailure("not in memory") }
      let (operand, broken) = profile.measure(.quantizer) {
        encode(
          x, averages: nil, axis: axis, request.encoding, random: request.random,
          arena: request.arena)
      }
      return EncodedOperand(
        operand: operand, broken: broken, losses: losses(x, axis: axis, request, arena: arena))
    }
    return (
      operand(rows, targets.0, packed.0, .rows), operand(columns, targets.1, packed.1, .columns)
    )
  }

  /// The numbers of x, in an arena where they are not in memory yet, and cannot be put where what they are made of is.
  private func inMemory(_ x: LazyMatrix, _ arena: Arena, _ profile: StepProfile?) -> LazyMatrix {
    if x.matrix != nil { return x }
    let matrix = x.overwritable ?? arena.matrix(rows: x.shape.rows, columns: x.shape.columns)
    make(x, into: matrix, arena: arena, profile: profile)
    return .matrix(matrix)
  }

  /// As `Compute` says; codes along rows become codes along columns without numbers in memory.
  package func recode(
    _ operand: Encoded, axis: GroupAxis, _ encoding: Encoding, random: RandomStream, arena: Arena
  ) -> (operand: Encoded, broken: Int) {
    switch operand.content {
    case .numbers(let x) where operand.outerScale == nil:
      return encode(x, averages: nil, axis: axis, encoding, random: random, arena: arena)
    case .numbers(let x) where encoding.quantizer?.format.scale == .one:
      // One grid is good for both axes: they are on it.
      return (Encoded(.numbers(x), axis: axis, outerScale: operand.outerScale), 0)
    case .numbers:
      let (rows, columns) = operand.shape
      let values = arena.matrix(rows: rows, columns: columns)
      decode(operand, into: values)
      return encode(values, averages: nil, axis: axis, encoding, random: random, arena: arena)
    case .codes(let source):
      if case .codes(let quantizer) = encoding, operand.axis == .rows, axis == .columns,
        operand.outerScale == nil || quantizer.format == source.format
      {
        let (rows, columns) = operand.shape
        let out = arena.packed(rows: rows, columns: columns, axis: axis, format: quantizer.format)
        let broken = repack(source, into: out, quantizer, random: random)
        return (Encoded(.codes(out), axis: axis, outerScale: operand.outerScale), broken)
      }
      let (rows, columns) = operand.shape
      let values = arena.matrix(rows: rows, columns: columns)
      decode(operand, into: values)
      return encode(values, averages: nil, axis: axis, encoding, random: random, arena: arena)
    }
  }

  /// As `Compute` says, of codes along rows.
  package func decode(_ operand: Encoded, into values: FloatMatrix) {
    precondition(operand.shape == (values.rows, values.columns), "decoded into another shape")
    switch operand.content {
    case .numbers(let x): copy(x, into: values)
    case .codes(let view):
      precondition(operand.axis == .rows, "codes along columns are not decoded")
      unpack(view, into: values)
    }
    if let scale = operand.outerScale { multiply(values, by: scale) }
  }

  package func rotate(_ x: FloatMatrix, into y: FloatMatrix, adds: Bool) {
    precondition(x.rows == y.rows && x.columns == y.columns, "rotated into another shape")
    forRows(of: x) { kernels.rotate(x.rows($0), into: y.rows($0), adds: adds) }
  }

  private func multiply(_ x: FloatMatrix, by factor: Float) {
    forRows(of: x) { rows in
      let values = x.rows(rows).elements
      for place in values.indices { values[place] *= factor }
    }
  }

  /// As `Compute` says, counted slice by slice.
  package func losses(
    _ x: FloatMatrix, averages: FloatMatrix?, axis: GroupAxis, _ quantizer: QuantizerRecipe,
    random: RandomStream, arena: Arena
  ) -> QuantizerLosses {
    if quantizer.format.outerScale == .matrix {
      return arena.scratch {
        let divided = arena.matrix(rows: x.rows, columns: x.columns)
        _ = divide(x, byOuterScaleOf: quantizer.format, into: divided)
        return losses(of: divided, averages: nil, axis: axis, quantizer, random: random)
      }
    }
    return losses(of: x, averages: averages, axis: axis, quantizer, random: random)
  }

  private func losses(
    of x: FloatMatrix, averages: FloatMatrix?, axis: GroupAxis, _ quantizer: QuantizerRecipe,
    random: RandomStream
  ) -> QuantizerLosses {
    let numbers = QuantizerSlice(
      x, averages: averages, firstRow: 0, axis: axis, quantizer.without(averages), random: random)
    let saturated = Atomic<Int>(0)
    let underflowed = Atomic<Int>(0)
    forRanges(x.rows, length: Self.quantizerRows(columns: x.columns)) { rows in
      let lost = kernels.losses(numbers.rows(rows))
      saturated.add(lost.saturated, ordering: .relaxed)
      underflowed.add(lost.underflowed, ordering: .relaxed)
    }
    return QuantizerLosses(
      elements: x.count, saturated: saturated.load(ordering: .relaxed),
      underflowed: underflowed.load(ordering: .relaxed))
  }

  package func copyScales(
    of operand: Encoded, into scales: AlignedBuffer<UInt8>, at place: Int
  ) {
    guard case .codes(let view) = operand.content, operand.axis == .rows else {
      preconditionFailure("scales of codes along rows only")
    }
    forEach(view.lanes) { row in
      let line = scales.base + place + row * view.groups
      for group in 0..<view.groups {
        line[group] = view.scales[view.scalePlace(lane: row, group: group)]
      }
    }
  }

  /// Rows of a matrix of `columns` columns that one slice of a quantizer takes: whole groups in either direction, enough
  /// of them to be worth a hand-over to a thread, and few enough for one image to occupy them all.
  static func quantizerRows(columns: Int) -> Int {
    let group = BlockFormat.longestGroup
    return group * max(1, elementsPerSlice / 4 / (group * max(columns, 1)))
  }

  /// Lets a quantizer work on slices of rows, and adds up the broken groups that it finds in each.
  func countBroken(_ rows: Int, columns: Int, _ body: (Range<Int>) -> Int) -> Int {
    let broken = Atomic<Int>(0)
    forRanges(rows, length: Self.quantizerRows(columns: columns)) { range in
      let found = body(range)
      if found > 0 { broken.add(found, ordering: .relaxed) }
    }
    return broken.load(ordering: .relaxed)
  }

  /// out = Q(x) in single precision.
  package func round(
    _ x: FloatMatrix, averages: FloatMatrix?, into out: FloatMatrix, axis: GroupAxis,
    _ quantizer: QuantizerRecipe, random: RandomStream
  ) -> Int {
    let numbers = QuantizerSlice(
      x, averages: averages, firstRow: 0, axis: axis, quantizer.without(averages), random: random)
    return countBroken(x.rows, columns: x.columns) { rows in
      kernels.round(numbers.rows(rows), into: out.rows(rows))
    }
  }
}

extension QuantizerRecipe {
  /// The quantizer for numbers whose moving averages are there or not: without any, `Rounding.ema` is nearest
  /// rounding.
  func without(_ averages: FloatMatrix?) -> QuantizerRecipe {
    var copy = self
    if averages == nil, rounding == .ema { copy.rounding = .nearestEven }
    return copy
  }
}
