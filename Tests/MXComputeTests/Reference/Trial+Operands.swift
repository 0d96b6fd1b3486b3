import MXCompute
import MXFormats
import MXRuntime
import TestSupport

extension Trial {
  /// Shapes of fewer rows, and of more, than a slice of sums has.
  static let shapes = [(33, 50), (600, 47)]
  /// More columns than a run has.
  private static let wideShape = (70, 300)

  /// Along either axis none, that which quantizers do while they read, and one that is done before.
  private static let rotations: [(GroupAxis, QuantizerRecipe.Rotation?)] = {
    let all: [QuantizerRecipe.Rotation?] = [nil, .init(), .init(length: 16, hasRandomSigns: true)]
    return GroupAxis.allCases.flatMap { axis in all.map { (axis, $0) } }
  }()

  mutating func operands() {
    for (rows, columns) in Self.shapes + [Self.wideShape] {
      let x = normals(rows, columns, seed: 1)
      x.elements[5] = 0
      let averages = normals(rows, columns, seed: 2)
      let random = RandomStream(seed: 7, purpose: .q3, step: 2, layer: 5)
      for format in BlockFormat.allCases where columns < 300 || format == .nvfp4Runs {
        for rule in [ScaleRule.truncationFree, .even, .floor] where format.scaleRules.contains(rule)
        {
          // Moving averages are of formats whose groups have scales.
          for rounding in Rounding.allCases where format != .int4 || rounding != .ema {
            for (axis, rotation) in Self.rotations where rotation == nil || format != .int4 {
              var recipe = QuantizerRecipe(format: format, scaleRule: rule, rounding: rounding)
              recipe.rotation = rotation
              recipe.isSquare = format == .nvfp4 && rule == .even && rounding != .nearestAway
              recipe.triesFour =
                format.groupSize == 16 && !recipe.isSquare && rounding != .stochastic
              let turned = rotation.map { " rotated by \($0.length)" } ?? ""
              let name = "\(rows)×\(columns) \(format) \(rule) \(rounding) \(axis)\(turned)"
              let values = arena.matrix(rows: rows, columns: columns)
              let rounded = compute.encode(
                x, averages: averages, axis: axis, .rounded(recipe), random: random, arena: arena)
              compute.decode(rounded.operand, into: values)
              note("rounded \(name)", values)
              let lost = compute.losses(
                x, averages: averages, axis: axis, recipe, random: random, arena: arena)
              note(
                "losses \(name)",
                [Double(lost.elements), Double(lost.saturated), Double(lost.underflowed)])
              if format.isPackable { codes(of: x, averages, axis, recipe, random, name) }
              guard axis == .rows, rounding != .ema else { continue }
              let plain = compute.recode(
                rounded.operand, axis: .columns, .rounded(recipe), random: random, arena: arena)
              compute.decode(plain.operand, into: values)
              note("recoded numbers \(name)", values)
            }
          }
        }
      }
      let (turned, sum) = (normals(rows, columns, seed: 4), normals(rows, columns, seed: 5))
      compute.rotate(turned, by: .init(length: 16), into: turned, adds: false)
      compute.rotate(x, by: .init(), into: sum, adds: true)
      note("rotated \(rows)×\(columns)", turned, sum)
      let stochastic = QuantizerRecipe(rounding: .stochastic)
      let clipping = QuantizerRecipe(scaleRule: .floor, rounding: .stochastic)
      encode(.matrix(x), "numbers", clipping, random)
      let ofGroups16 = QuantizerRecipe(format: .nvfp4, rounding: .stochastic)
      encode(.matrix(x), "numbers in NVFP4", ofGroups16, random)
      let once = compute.encode(
        .matrix(x), rows: OperandRequest(.rounded(stochastic), random: random, arena: arena),
        columns: OperandRequest(.codes(stochastic), random: random, arena: arena),
        addingColumnSumsTo: nil, arena: arena, profile: nil)
      note(
        "rounded once \(rows)×\(columns)",
        decoded(once.rows!.operand, rows, columns),
        product(once.columns!.operand, rows, columns, .columns))
    }
  }

  /// Codes of x, their values, and codes of those along the other axis in each packed format.
  private mutating func codes(
    of x: FloatMatrix, _ averages: FloatMatrix, _ axis: GroupAxis, _ recipe: QuantizerRecipe,
    _ random: RandomStream, _ name: String
  ) {
    let codes = compute.encode(
      x, averages: averages, axis: axis, .codes(recipe), random: random, arena: arena)
    note("product of codes \(name)", product(codes.operand, x.rows, x.columns, axis, recipe.format))
    guard axis == .rows, recipe.rounding != .ema else { return }
    note("decoded \(name)", decoded(codes.operand, x.rows, x.columns))
    for other in [BlockFormat.mxfp4, .mxe2m3, .nvfp4, .nvfp4Runs, .int4, recipe.format] {
      var again = recipe
      (again.format, again.rotation, again.isSquare) = (other, nil, false)
      if !other.scaleRules.contains(again.scaleRule) { again.scaleRule = .truncationFree }
      let recoded = compute.recode(
        codes.operand, axis: .columns, .codes(again), random: random, arena: arena)
      note(
        "recoded \(name) to \(other)",
        product(recoded.operand, x.rows, x.columns, .columns, other))
    }
  }

  /// Codes of x along rows and columns, and the sums of its columns.
  mutating func encode(
    _ x: LazyMatrix, _ name: String, _ recipe: QuantizerRecipe, _ random: RandomStream
  ) {
    let (rows, columns) = x.shape
    let sums = normals(1, columns, seed: 3)
    let request = OperandRequest(
      .codes(recipe), random: random, arena: arena, countsLosses: true)
    let both = compute.encode(
      x, rows: request, columns: request, addingColumnSumsTo: sums, arena: arena, profile: nil)
    note("column sums of \(name) \(rows)×\(columns)", sums)
    note(
      "codes of \(name) \(rows)×\(columns)",
      product(both.rows!.operand, rows, columns, .rows, recipe.format),
      product(both.columns!.operand, rows, columns, .columns, recipe.format))
    for (axis, losses) in [("rows", both.rows!.losses!), ("columns", both.columns!.losses!)] {
      note(
        "losses of \(name) along \(axis) \(rows)×\(columns)",
        [losses.elements, losses.saturated, losses.underflowed].map(Double.init))
    }
    let alone = compute.encode(
      x, rows: request, columns: nil, addingColumnSumsTo: nil, arena: arena, profile: nil)
    note(
      "codes of \(name) along rows alone \(rows)×\(columns)",
      product(alone.rows!.operand, rows, columns, .rows, recipe.format))
  }

  private func decoded(_ operand: Encoded, _ rows: Int, _ columns: Int) -> FloatMatrix {
    let values = arena.matrix(rows: rows, columns: columns)
    compute.decode(operand, into: values)
    return values
  }

  /// The product of an operand with another, with a bias, and added to what is there.
  private func product(
    _ a: Encoded, _ rows: Int, _ columns: Int, _ axis: GroupAxis, _ format: BlockFormat = .mxfp4
  ) -> FloatMatrix {
    let (lanes, length) = axis == .rows ? (rows, columns) : (columns, rows)
    let b = compute.encode(
      normals(19, length, seed: 4), averages: nil, axis: .rows,
      .codes(QuantizerRecipe(format: format.groupSize == 16 ? format : .mxfp4)),
      random: RandomStream(seed: 0, purpose: .q2), arena: arena
    ).operand
    let c = normals(lanes, 19, seed: 5)
    let own = arena.matrix(rows: lanes, columns: 19)
    compute.product(
      a, b, bias: normals(1, 19, seed: 6), into: own, accumulates: false, arena: arena)
    compute.product(a, b, bias: nil, into: c, accumulates: true, arena: arena)
    compute.add(own, to: c)
    return c
  }
}
