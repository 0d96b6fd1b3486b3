import MXFormats
import MXRuntime
import Synchronization

extension CPU {
  /// As `Compute` says; slices are whole groups in either direction.
  public func encode(
    _ x: FloatMatrix, averages: FloatMatrix?, axis: GroupAxis, _ encoding: Encoding,
    random: RandomStream, arena: Arena
  ) -> (operand: Encoded, broken: Int) {
    switch encoding {
    case .exact: return (Encoded(exact: x, axis: axis), 0)
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

  /// As `Compute` says, strip by strip of 32 rows.
  public func encodeOnce(
    _ x: FloatMatrix, rows: Encoding, _ rowRandom: RandomStream, columns: Encoding,
    _ columnRandom: RandomStream, addingColumnSumsTo sums: FloatMatrix, arena: Arena
  ) -> (rows: Encoded, columns: Encoded, brokenRows: Int, brokenColumns: Int) {
    func codes(_ axis: GroupAxis, _ encoding: Encoding, _ random: RandomStream) -> PackingTarget? {
      guard case .codes(let quantizer) = encoding else { return nil }
      return PackingTarget(
        out: arena.packed(
          rows: x.rows, columns: x.columns, axis: axis, format: quantizer.format),
        axis: axis, quantizer: quantizer, random: random)
    }
    let targets = (codes(.rows, rows, rowRandom), codes(.columns, columns, columnRandom))
    let broken = packOnce(x, targets: targets, sums: sums, arena: arena)
    func operand(
      _ target: PackingTarget?, _ broken: Int, _ axis: GroupAxis, _ encoding: Encoding,
      _ random: RandomStream
    ) -> (operand: Encoded, broken: Int) {
      if let target { return (Encoded(.codes(target.out), axis: axis), broken) }
      return encode(x, averages: nil, axis: axis, encoding, random: random, arena: arena)
    }
    let left = operand(targets.0, broken.0, .rows, rows, rowRandom)
    let right = operand(targets.1, broken.1, .columns, columns, columnRandom)
    return (left.operand, right.operand, left.broken, right.broken)
  }

  /// As `Compute` says; codes along rows become codes along columns without numbers in memory.
  public func recode(
    _ operand: Encoded, axis: GroupAxis, _ encoding: Encoding, random: RandomStream, arena: Arena
  ) -> (operand: Encoded, broken: Int) {
    switch operand.content {
    case .numbers(let x):
      return encode(x, averages: nil, axis: axis, encoding, random: random, arena: arena)
    case .codes(let source):
      if case .codes(let quantizer) = encoding, operand.axis == .rows, axis == .columns {
        let (rows, columns) = operand.shape
        let out = arena.packed(rows: rows, columns: columns, axis: axis, format: quantizer.format)
        return (
          Encoded(.codes(out), axis: axis), repack(source, into: out, quantizer, random: random)
        )
      }
      let (rows, columns) = operand.shape
      let values = arena.matrix(rows: rows, columns: columns)
      decode(operand, into: values)
      return encode(values, averages: nil, axis: axis, encoding, random: random, arena: arena)
    }
  }

  /// As `Compute` says, of codes along rows.
  public func decode(_ operand: Encoded, into values: FloatMatrix) {
    precondition(operand.shape == (values.rows, values.columns), "decoded into another shape")
    switch operand.content {
    case .numbers(let x): copy(x, into: values)
    case .codes(let view):
      precondition(operand.axis == .rows, "codes along columns are not decoded")
      unpack(view, into: values)
    }
  }

  /// As `Compute` says, counted slice by slice.
  public func losses(
    _ x: FloatMatrix, averages: FloatMatrix?, axis: GroupAxis, _ quantizer: QuantizerRecipe,
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

  /// Rows of a matrix of `columns` columns that one slice of a quantizer takes: whole groups in either
  /// direction, enough of them to be worth a hand-over to a thread.
  static func quantizerRows(columns: Int) -> Int {
    let group = BlockFormat.longestGroup
    return group * max(1, elementsPerSlice / (group * max(columns, 1)))
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
