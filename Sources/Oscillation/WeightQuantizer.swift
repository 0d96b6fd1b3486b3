import MXFormats
import MXLinear
import Runtime

/// Q2 on all weights of a model at once, as the forward pass applies it layer by layer.
///
/// Where Q2 is off (in full precision, say) it is the one that TetraJet would have, so that runs can be compared.
/// Where it rounds stochastically, its values move without the weights moving: nearest rounding stands in.
public struct WeightQuantizer: Sendable {
  /// The tensors that the linear layers quantize.
  public let entries: [ParameterTable.Entry]
  /// Format, scale rule and rounding.
  public let recipe: QuantizerRecipe
  /// The length of the flat buffers.
  public let count: Int
  /// The weights of all tensors, in runs that are a thread's work.
  let slices: [Range<Int>]
  /// Which of them are each tensor's, in the order of `entries`.
  let slicesOfEntries: [Range<Int>]
  /// Where the scales of each tensor begin, and their number at the end.
  private let scaleOffsets: [Int]

  /// The quantizer of a model's weights.
  public init(_ table: ParameterTable, _ recipe: LinearRecipe) {
    entries = table.entries.filter(\.quantized)
    var quantizer = recipe[.q2] ?? QuantizerRecipe()
    if quantizer.rounding == .stochastic { quantizer.rounding = .nearestEven }
    self.recipe = quantizer
    count = table.count
    let length = 1 << 15
    let slicesByEntry = entries.map { entry in
      stride(from: entry.range.lowerBound, to: entry.range.upperBound, by: length).map {
        $0..<min($0 + length, entry.range.upperBound)
      }
    }
    slices = Array(slicesByEntry.joined())
    var end = 0
    slicesOfEntries = slicesByEntry.map { own in
      defer { end += own.count }
      return end..<end + own.count
    }
    scaleOffsets = entries.reduce(into: [0]) { offsets, entry in
      offsets.append(offsets.last! + entry.shape[0] * Self.groups(entry))
    }
  }

  /// How many weights are quantized.
  public var weightCount: Int { entries.reduce(0) { $0 + $1.count } }
  /// How many groups they have.
  public var groupCount: Int { scaleOffsets.last! }

  /// Bytes of a buffer in the layout of the weights.
  public var bufferBytes: Int { count * MemoryLayout<Float>.stride }
  /// Bytes of scratch that `quantize` takes: the codes of the largest tensor.
  public var scratchBytes: Int {
    entries.map { MXMatrixView.byteCount(lanes: $0.shape[0], length: $0.shape[1]) }.max() ?? 0
  }

  /// Groups of a row of a tensor [C, D].
  static func groups(_ entry: ParameterTable.Entry) -> Int {
    GroupAxis.rows.scaleShape(rows: 1, columns: entry.shape[1]).columns
  }

  /// Q2 of all weights.
  ///
  /// - Parameters:
  ///   - averages: the moving averages of the weights, for `Rounding.ema`; nil where none is in use, which makes it
  ///     nearest rounding.
  ///   - values: `count` numbers; gets W_Q in the layout of the weights; other tensors' places are left alone.
  ///   - scales: `groupCount` bytes; gets E8M0 bytes, row by row, tensor behind tensor.
  public func quantize(
    _ weights: AlignedBuffer<Float>, averages: AlignedBuffer<Float>?,
    into values: UnsafeMutablePointer<Float>, scales: UnsafeMutablePointer<UInt8>? = nil,
    arena: Arena
  ) {
    var quantizer = recipe
    if averages == nil, quantizer.rounding == .ema { quantizer.rounding = .nearestEven }
    for (entry, scaleOffset) in zip(entries, scaleOffsets) {
      let (rows, columns) = (entry.shape[0], entry.shape[1])
      arena.scratch {
        let codes = arena.packed(rows: rows, columns: columns, axis: .rows, format: recipe.format)
        // A NaN needs no report here: the forward pass that follows names it.
        _ = pack(
          FloatMatrix(weights.base + entry.offset, rows: rows, columns: columns),
          ema: averages.map { UnsafePointer($0.base + entry.offset) }, into: codes, axis: .rows,
          quantizer, random: RandomStream(seed: 0, purpose: .q2))
        unpack(
          codes, into: FloatMatrix(values + entry.offset, rows: rows, columns: columns))
        guard let scales else { return }
        let groups = Self.groups(entry)
        for row in 0..<rows {
          let line = scales + scaleOffset + row * groups
          for group in 0..<groups {
            line[group] = codes.scales[codes.scalePlace(lane: row, group: group)]
          }
        }
      }
    }
  }

  /// Where one of the quantized weights lies.
  struct Location {
    let name: String
    let row, column: Int
    /// Its place in the flat buffer, and that of its scale.
    let place, scale: Int
  }

  /// Where quantized weight `index` lies, counted over all tensors.
  func location(_ index: Int) -> Location {
    var index = index
    for (entry, offset) in zip(entries, scaleOffsets) {
      guard index >= entry.count else {
        let (row, column) = index.quotientAndRemainder(dividingBy: entry.shape[1])
        return Location(
          name: entry.name, row: row, column: column, place: entry.offset + index,
          scale: offset + row * Self.groups(entry) + column / GroupAxis.groupSize)
      }
      index -= entry.count
    }
    preconditionFailure("\(index) beyond the last weight")
  }

  /// Calls `body` for every row of every tensor, in parallel: the place of its first weight, of its first scale,
  /// and its length.
  func forEachRow(_ body: (_ weight: Int, _ scale: Int, _ length: Int) -> Void) {
    for (entry, offset) in zip(entries, scaleOffsets) {
      let groups = Self.groups(entry)
      parallelRanges(entry.shape[0], length: max(1, 32_768 / entry.shape[1])) { rows in
        for row in rows {
          body(entry.offset + row * entry.shape[1], offset + row * groups, entry.shape[1])
        }
      }
    }
  }
}
