import MXFormats
import MXRuntime
import Synchronization

extension CPU {
  /// As `Compute` says; slices are whole groups in either direction.
  package func encode(
    _ x: FloatMatrix, averages: FloatMatrix?, axis: GroupAxis, _ encoding: Encoding,
    random: RandomStream, arena: Arena
  ) -> (operand: Encoded, broken: Int) {
    encode(
      x, averages: averages, axis: axis, encoding, outerScale: nil, random: random, arena: arena)
  }

  /// The same under an outer scale; nil for the one that follows from x.
  private func encode(
    _ x: FloatMatrix, averages: FloatMatrix?, axis: GroupAxis, _ encoding: Encoding,
    outerScale: Float?, random: RandomStream, arena: Arena
  ) -> (operand: Encoded, broken: Int) {
    guard let quantizer = encoding.quantizer else {
      return (unquantized(x, axis, encoding, arena), 0)
    }
    func slice() -> (numbers: QuantizerSlice, outerScale: Float?) {
      self.slice(x, averages: averages, axis: axis, quantizer, outerScale, random, arena)
    }
    if encoding.isCodes {
      let out = arena.packed(
        rows: x.rows, columns: x.columns, axis: axis, format: quantizer.format)
      return arena.scratch {
        let (numbers, outerScale) = slice()
        return (Encoded(.codes(out), axis: axis, outerScale: outerScale), pack(numbers, into: out))
      }
    }
    let out = arena.matrix(rows: x.rows, columns: x.columns)
    return arena.scratch {
      let (numbers, outerScale) = slice()
      let broken = round(numbers, into: out)
      return (Encoded(rounded: out, axis: axis, quantizer.format, outerScale: outerScale), broken)
    }
  }

  /// x as a quantizer reads it, in an arena where it is rotated first, and the outer scale that it has then, if there is one.
  private func slice(
    _ x: FloatMatrix, averages: FloatMatrix?, axis: GroupAxis, _ quantizer: QuantizerRecipe,
    _ outerScale: Float?, _ random: RandomStream, _ arena: Arena
  ) -> (numbers: QuantizerSlice, outerScale: Float?) {
    var (x, averages) = (x, averages)
    if let rotation = quantizer.rotation, quantizer.rotatesWhileReading == nil {
      func rotated(_ x: FloatMatrix) -> FloatMatrix {
        let y = arena.matrix(rows: x.rows, columns: x.columns)
        rotate(x, along: axis, by: rotation, signs: rotation.signs(random), into: y)
        return y
      }
      (x, averages) = (rotated(x), averages.map(rotated))
    }
    let outerScale = outerScale ?? self.outerScale(of: x, quantizer)
    let squares = quantizer.isSquare ? squares(of: x, quantizer.format, arena) : nil
    let numbers = QuantizerSlice(
      x, averages: averages, firstRow: 0, axis: axis, quantizer.without(averages),
      outerScale: outerScale ?? 1, squares: squares, random: random)
    return (numbers, outerScale)
  }

  /// y = x, whose groups along an axis are rotated.
  private func rotate(
    _ x: FloatMatrix, along axis: GroupAxis, by rotation: QuantizerRecipe.Rotation, signs: UInt32,
    into y: FloatMatrix
  ) {
    forRanges(x.rows, length: Self.quantizerRows(columns: x.columns, .mxfp4)) { rows in
      switch axis {
      case .rows:
        kernels.rotate(x.rows(rows), by: rotation, signs: signs, into: y.rows(rows), adds: false)
      case .columns:
        kernels.rotateColumns(of: x.rows(rows), by: rotation, signs: signs, into: y.rows(rows))
      }
    }
  }

  /// The largest magnitudes of squares of x that are finite.
  func squares(of x: FloatMatrix, _ format: BlockFormat, _ arena: Arena) -> FloatMatrix {
    let size = format.groupSize
    let squares = arena.matrix(rows: format.groups(x.rows), columns: format.groups(x.columns))
    forEach(squares.rows) { square in
      for column in 0..<squares.columns {
        let start = column * size
        var largest: Float = 0
        for row in square * size..<min((square + 1) * size, x.rows) {
          let line = x.row(row) + start
          largest = max(largest, kernels.largestMagnitude(line, min(size, x.columns - start)))
        }
        squares.row(square)[column] = largest
      }
    }
    return squares
  }

  private func unquantized(
    _ x: FloatMatrix, _ axis: GroupAxis, _ encoding: Encoding, _ arena: Arena
  ) -> Encoded {
    guard encoding == .bfloat16 else { return Encoded(exact: x, axis: axis) }
    let out = arena.matrix(rows: x.rows, columns: x.columns)
    forRows(of: x) { rows in
      let (from, to) = (x.rows(rows).elements, out.rows(rows).elements)
      for place in from.indices { to[place] = from[place].roundedToBFloat16 }
    }
    return Encoded(exact: out, axis: axis)
  }

  /// The outer scale by which a quantizer takes x; nil where its format has none of the matrix.
  func outerScale(of x: FloatMatrix, _ quantizer: QuantizerRecipe) -> Float? {
    quantizer.format.outerScale == .matrix ? quantizer.outerScale(largest: largest(of: x)) : nil
  }

  /// The largest magnitude that is finite: what is not has no scale, and is found by the quantizer.
  private func largest(of x: FloatMatrix) -> Float {
    // As integers magnitudes are in order.
    let largest = Atomic<UInt32>(0)
    forRows(of: x) { rows in
      let own = x.rows(rows)
      largest.max(
        kernels.largestMagnitude(own.base, own.count).bitPattern, ordering: .relaxed)
    }
    return Float(bitPattern: largest.load(ordering: .relaxed))
  }

  /// As `Compute` says, tile by tile where both become codes.
  package func encode(
    _ x: LazyMatrix, rows: OperandRequest?, columns: OperandRequest?,
    addingColumnSumsTo sums: FloatMatrix?, arena: Arena, profile: StepProfile?
  ) -> (rows: EncodedOperand?, columns: EncodedOperand?) {
    let (first, second) = (rows?.encoding, columns?.encoding)
    // An outer scale is known when all numbers are.
    let needsLargest = first?.partsHaveOuterScale == true || second?.partsHaveOuterScale == true
    let needsMemory = first?.readsParts == false || second?.readsParts == false
    var x = x
    if needsLargest || needsMemory || !x.isMadeInTiles { x = inMemory(x, arena, profile) }
    let largest =
      needsLargest ? profile.measure(.quantizer) { x.matrix.map { self.largest(of: $0) } } : nil
    let targets = (
      PackingTarget(rows, axis: .rows, of: x.shape, largest: largest),
      PackingTarget(columns, axis: .columns, of: x.shape, largest: largest)
    )
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
          operand: Encoded(.codes(target.out), axis: axis, outerScale: target.outerScale),
          broken: packed.broken,
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
    let outerScale = operand.keptOuterScale(encoding)
    switch operand.content {
    case .numbers(let x) where operand.pendingScale == nil:
      return encode(
        x, averages: nil, axis: axis, encoding, outerScale: outerScale, random: random,
        arena: arena)
    case .numbers(let x) where encoding.quantizer?.format.scale == .one:
      // One grid is good for both axes: they are on it.
      return (Encoded(.numbers(x), axis: axis, outerScale: operand.outerScale), 0)
    case .codes(let source):
      guard case .codes(let quantizer) = encoding, operand.axis == .rows, axis == .columns,
        quantizer.readsParts, operand.outerScale == outerScale,
        outerScale != nil || quantizer.format.outerScale == .none
      else { break }
      let (rows, columns) = operand.shape
      let out = arena.packed(rows: rows, columns: columns, axis: axis, format: quantizer.format)
      // On one grid all is in its unit.
      let broken = repack(
        source, into: out, quantizer, outerScale: source.format.scale == .one ? 1 : outerScale ?? 1,
        random: random)
      return (Encoded(.codes(out), axis: axis, outerScale: outerScale), broken)
    default: break
    }
    let (rows, columns) = operand.shape
    let values = arena.matrix(rows: rows, columns: columns)
    decode(operand, into: values)
    return encode(
      values, averages: nil, axis: axis, encoding, outerScale: outerScale, random: random,
      arena: arena)
  }

  /// As `Compute` says, of codes along rows.
  package func decode(_ operand: Encoded, into values: FloatMatrix) {
    precondition(operand.shape == (values.rows, values.columns), "decoded into another shape")
    switch operand.content {
    case .numbers(let x):
      copy(x, into: values)
      if let scale = operand.pendingScale { multiply(values, by: scale) }
    case .codes(let view):
      precondition(operand.axis == .rows, "codes along columns are not decoded")
      unpack(view, outerScale: operand.outerScale ?? 1, into: values)
    }
  }

  package func rotate(
    _ x: FloatMatrix, by rotation: QuantizerRecipe.Rotation, into y: FloatMatrix, adds: Bool
  ) {
    precondition(x.rows == y.rows && x.columns == y.columns, "rotated into another shape")
    forRows(of: x) {
      kernels.rotate(x.rows($0), by: rotation, signs: 0, into: y.rows($0), adds: adds)
    }
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
    let saturated = Atomic<Int>(0)
    let underflowed = Atomic<Int>(0)
    arena.scratch {
      let numbers = slice(
        x, averages: averages, axis: axis, quantizer, nil, random, arena
      ).numbers
      forRanges(x.rows, length: Self.quantizerRows(columns: x.columns, quantizer.format)) { rows in
        let lost = kernels.losses(numbers.rows(rows))
        saturated.add(lost.saturated, ordering: .relaxed)
        underflowed.add(lost.underflowed, ordering: .relaxed)
      }
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

  package func copyUnits(
    of operand: Encoded, into units: AlignedBuffer<Float>, at place: Int
  ) {
    guard case .codes(let view) = operand.content, operand.axis == .rows else {
      preconditionFailure("scales of codes along rows only")
    }
    let outer = operand.outerScale ?? 1
    forEach(view.lanes) { row in
      let line = units.base + place + row * view.groups
      for group in 0..<view.groups { line[group] = view.scale(lane: row, group: group) * outer }
    }
  }

  /// Rows of a matrix of `columns` columns that one slice of a quantizer takes: whole groups and runs in either direction, enough
  /// of them to be worth a hand-over to a thread, and few enough for one image to occupy them all.
  static func quantizerRows(columns: Int, _ format: BlockFormat) -> Int {
    let unit = format.alignment
    return unit * max(1, elementsPerSlice / 4 / (unit * max(columns, 1)))
  }

  /// Lets a quantizer work on slices of rows, and adds up the broken groups that it finds in each.
  func countBroken(
    _ rows: Int, columns: Int, _ format: BlockFormat, _ body: (Range<Int>) -> Int
  ) -> Int {
    let broken = Atomic<Int>(0)
    forRanges(rows, length: Self.quantizerRows(columns: columns, format)) { range in
      let found = body(range)
      if found > 0 { broken.add(found, ordering: .relaxed) }
    }
    return broken.load(ordering: .relaxed)
  }

  /// out = Q(x) in single precision; on one grid in its unit.
  package func round(_ numbers: QuantizerSlice, into out: FloatMatrix) -> Int {
    countBroken(out.rows, columns: out.columns, numbers.quantizer.format) { rows in
      kernels.round(numbers.rows(rows), into: out.rows(rows))
    }
  }
}

extension QuantizerRecipe {
  /// The outer scale of a matrix with this largest magnitude.
  func outerScale(largest: Float) -> Float {
    format.outerScale(largest: largest, scaleRule, triesFour: triesFour)
  }

  /// The quantizer for numbers whose moving averages are there or not: without any, `Rounding.ema` is nearest
  /// rounding.
  func without(_ averages: FloatMatrix?) -> QuantizerRecipe {
    var copy = self
    if averages == nil, rounding == .ema { copy.rounding = .nearestEven }
    return copy
  }
}
