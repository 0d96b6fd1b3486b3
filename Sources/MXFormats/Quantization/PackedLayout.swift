/// Packed codes of four bits: two a byte, the even element of a group in the low nibble; one scale byte a group
/// in a tensor of its own. The layout of the `*_blocks` / `*_scales` pairs in published MXFP4
/// checkpoints, and of codes and scales in those in NVFP4.
///
/// Groups lie along the last axis of `blocks`, so a matrix grouped along columns is packed transposed:
/// lane l of the packed matrix is row l, or column l.
public struct PackedMatrix: Equatable, Sendable {
  /// The format of codes, groups and scales.
  public let format: BlockFormat
  /// Rows, or columns where the groups lie along columns.
  public let lanes: Int
  /// Groups a lane.
  public let groups: Int
  /// `lanes` × `groups` × `blockSize` bytes. The unused nibbles of a short last group are zero.
  public let blocks: [UInt8]
  /// `lanes` × `groups` bytes.
  public let scales: [UInt8]
  /// What multiplies the scales of all groups, as `QuantizedMatrix.outerScale`: one number for all lanes. Positive; 1 where the
  /// format has no outer scale, as MX.
  public let outerScale: Float

  /// Bytes of a whole group's codes.
  package static func blockSize(_ format: BlockFormat) -> Int { format.groupSize / 2 }
  /// The same of this matrix.
  public var blockSize: Int { Self.blockSize(format) }

  /// A packed matrix from what a file holds.
  ///
  /// - Precondition: there is a lane, each lane has as many groups, and `blocks` has `blockSize` bytes for each scale.
  /// - Parameters:
  ///   - format: of codes, groups and scales.
  ///   - lanes: rows of the original matrix, or columns where its groups lie along columns.
  ///   - blocks: `lanes` × groups × `blockSize` bytes, each with the code of an even element in its low nibble and that of the
  ///     next one in its high nibble: the `*_blocks` of published MXFP4 checkpoints.
  ///   - scales: `lanes` × groups bytes, E8M0: their `*_scales` (OCP Microscaling Formats specification v1.0, section 5.4.1); E4M3
  ///     in NVFP4.
  ///   - outerScale: what multiplies all scales, where the format has that.
  public init(
    format: BlockFormat, lanes: Int, blocks: [UInt8], scales: [UInt8], outerScale: Float = 1
  ) {
    precondition(
      lanes > 0 && scales.count.isMultiple(of: lanes)
        && blocks.count == scales.count * Self.blockSize(format),
      "\(blocks.count) bytes of codes and \(scales.count) scales for \(lanes) lanes")
    precondition(
      format.outerScale == .matrix || outerScale == 1,
      "an outer scale of \(outerScale) in \(format.rawValue)")
    precondition(format.outerScale != .runs, "no place for outer scales of runs")
    (self.format, self.lanes, groups) = (format, lanes, scales.count / lanes)
    (self.blocks, self.scales, self.outerScale) = (blocks, scales, outerScale)
  }

  /// Some of its lanes.
  package subscript(lanes range: Range<Int>) -> PackedMatrix {
    func part(_ bytes: [UInt8]) -> [UInt8] {
      let length = bytes.count / lanes
      return Array(bytes[range.lowerBound * length..<range.upperBound * length])
    }
    return PackedMatrix(
      format: format, lanes: range.count, blocks: part(blocks), scales: part(scales),
      outerScale: outerScale)
  }

  /// Some matrices of one format, groups and outer scale below each other; nil where those differ, or there is none.
  package init?(below parts: [PackedMatrix]) {
    guard let first = parts.first,
      parts.allSatisfy({
        ($0.format, $0.groups, $0.outerScale) == (first.format, first.groups, first.outerScale)
      })
    else { return nil }
    self.init(
      format: first.format, lanes: parts.reduce(0) { $0 + $1.lanes },
      blocks: parts.flatMap(\.blocks), scales: parts.flatMap(\.scales),
      outerScale: first.outerScale)
  }

  /// Packs a quantized matrix of codes of four bits.
  ///
  /// - Precondition: its format has no outer scales of runs (`nvfp4Runs`), for which this layout has no place.
  /// - Parameter matrix: with groups along either axis; its lanes are rows, or columns.
  public init(packing matrix: QuantizedMatrix) {
    precondition(
      matrix.format.elements.bits == 4, "packed matrices hold codes of four bits")
    precondition(matrix.format.outerScale != .runs, "no place for outer scales of runs")
    (format, outerScale) = (matrix.format, matrix.outerScale)
    let lanewise = matrix.axis == .rows ? matrix : matrix.transposed
    lanes = lanewise.rows
    groups = format.groups(lanewise.columns)
    let laneSize = groups * Self.blockSize(format)
    var blocks = [UInt8](repeating: 0, count: lanes * laneSize)
    for (element, code) in lanewise.codes.enumerated() {
      let (lane, position) = element.quotientAndRemainder(dividingBy: lanewise.columns)
      blocks[lane * laneSize + position / 2] |= position % 2 == 0 ? code : code << 4
    }
    self.blocks = blocks
    scales = lanewise.scales
  }

  /// The quantized matrix that was packed: codes and scales laid out plainly. O(rows · columns).
  ///
  /// - Precondition: there are as many lanes as rows, and groups a lane as `columns` take; the other way round where the
  ///   groups lie along columns.
  /// - Parameters:
  ///   - axis: of the original matrix, along which its groups lie.
  ///   - rows: extent of its axis 0.
  ///   - columns: extent of its axis 1.
  /// - Returns: `rows` × `columns` codes, and scales in the shape that `QuantizedMatrix.scales` says.
  public func unpacked(axis: GroupAxis, rows: Int, columns: Int) -> QuantizedMatrix {
    let length = axis == .rows ? columns : rows
    precondition(
      lanes == (axis == .rows ? rows : columns),
      "\(lanes) lanes cannot be \(rows) × \(columns) with groups along \(axis.rawValue)")
    let codes = (0..<lanes * length).map { element in
      let (lane, position) = element.quotientAndRemainder(dividingBy: length)
      let byte = blocks[lane * groups * blockSize + position / 2]
      return position % 2 == 0 ? byte & 15 : byte >> 4
    }
    let lanewise = QuantizedMatrix(
      format: format, axis: .rows, rows: lanes, columns: length, codes: codes, scales: scales,
      outerScale: outerScale)
    return axis == .rows ? lanewise : lanewise.transposed
  }
}
