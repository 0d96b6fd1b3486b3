import MXFormats
import MXRuntime
import Synchronization

/// How one of the quantizers that read the same matrix writes it.
struct PackingTarget {
  let out: MXMatrixView
  let axis: GroupAxis
  let quantizer: QuantizerRecipe
  let random: RandomStream
}

extension CPU {
  /// Quantizes x into `out`, made for x's shape and the axis.
  ///
  /// - Returns: how many groups hold a NaN or an infinity.
  func pack(
    _ x: FloatMatrix, averages: FloatMatrix?, into out: MXMatrixView, axis: GroupAxis,
    _ quantizer: QuantizerRecipe, random: RandomStream
  ) -> Int {
    let numbers = QuantizerSlice(
      x, averages: averages, firstRow: 0, axis: axis, quantizer.without(averages), random: random)
    return countBroken(x.rows, columns: x.columns) { kernels.pack(numbers.rows($0), into: out) }
  }

  /// Quantizes the values of a matrix that is packed along its rows along its columns: the double quantization of Q4
  /// and Q6. No floats reach memory.
  ///
  /// - Returns: how many groups of the result meet a NaN scale of the source.
  func repack(
    _ source: MXMatrixView, into out: MXMatrixView, _ quantizer: QuantizerRecipe,
    random: RandomStream
  ) -> Int {
    countBroken(source.lanes, columns: source.length) { rows in
      kernels.repack(source, rows: rows, into: out, quantizer, random: random)
    }
  }

  /// Quantizes x by up to two quantizers and adds its column sums to `sums`, reading x from memory once: every strip of
  /// 32 rows goes through all of them while it is in the cache.
  ///
  /// - Returns: how many groups hold a NaN or an infinity, for each.
  func packOnce(
    _ x: FloatMatrix, targets: (PackingTarget?, PackingTarget?), sums: FloatMatrix, arena: Arena
  ) -> (Int, Int) {
    let strip = BlockFormat.longestGroup
    let first = Atomic<Int>(0)
    let second = Atomic<Int>(0)
    func pack(_ part: FloatMatrix, _ start: Int, _ target: PackingTarget?) -> Int {
      guard let target else { return 0 }
      return kernels.pack(
        QuantizerSlice(
          part, firstRow: start, axis: target.axis, target.quantizer, random: target.random),
        into: target.out)
    }
    reduceRows(x.rows, into: sums, arena: arena) { rows, partial in
      for start in stride(from: rows.lowerBound, to: rows.upperBound, by: strip) {
        let part = x.rows(start..<min(start + strip, rows.upperBound))
        first.add(pack(part, start, targets.0), ordering: .relaxed)
        second.add(pack(part, start, targets.1), ordering: .relaxed)
        kernels.addColumnSums(of: part, to: partial)
      }
    }
    return (first.load(ordering: .relaxed), second.load(ordering: .relaxed))
  }

  /// The values of a matrix that is packed along its rows.
  package func unpack(_ source: MXMatrixView, into values: FloatMatrix) {
    forRanges(source.lanes, length: Self.quantizerRows(columns: source.length)) { rows in
      kernels.unpack(source, rows: rows, into: values.rows(rows))
    }
  }
}
