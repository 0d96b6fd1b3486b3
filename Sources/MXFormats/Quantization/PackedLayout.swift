/// Packed MXFP4: two codes a byte, the even element of a group in the low nibble; one scale byte a group
/// in a tensor of its own. The layout of the `*_blocks` / `*_scales` pairs in published MXFP4
/// checkpoints.
///
/// Groups lie along the last axis of `blocks`, so a matrix grouped along columns is packed transposed:
/// lane l of the packed matrix is row l, or column l.
public struct PackedMatrix: Equatable, Sendable {
  /// Bytes of a whole group's codes.
  public static let blockSize = GroupAxis.groupSize / 2

  /// Rows, or columns where the groups lie along columns.
  public let lanes: Int
  /// Groups a lane.
  public let groups: Int
  /// `lanes` × `groups` × 16 bytes. The unused nibbles of a short last group are zero.
  public let blocks: [UInt8]
  /// `lanes` × `groups` E8M0 bytes.
  public let scales: [UInt8]

  /// What a file holds: `lanes` × groups × 16 bytes of codes, and a byte of scale for each group.
  public init(lanes: Int, blocks: [UInt8], scales: [UInt8]) {
    precondition(
      lanes > 0 && scales.count.isMultiple(of: lanes)
        && blocks.count == scales.count * Self.blockSize,
      "\(blocks.count) bytes of codes and \(scales.count) scales for \(lanes) lanes")
    (self.lanes, groups) = (lanes, scales.count / lanes)
    (self.blocks, self.scales) = (blocks, scales)
  }

  /// Packs a quantized matrix.
  public init(packing matrix: QuantizedMatrix) {
    let lanewise = matrix.axis == .rows ? matrix : matrix.transposed
    lanes = lanewise.rows
    groups = GroupAxis.rows.scaleShape(rows: lanewise.rows, columns: lanewise.columns).columns
    var blocks = [UInt8](repeating: 0, count: lanes * groups * Self.blockSize)
    for (element, code) in lanewise.codes.enumerated() {
      let (lane, position) = element.quotientAndRemainder(dividingBy: lanewise.columns)
      blocks[lane * groups * Self.blockSize + position / 2] |= position % 2 == 0 ? code : code << 4
    }
    self.blocks = blocks
    scales = lanewise.scales
  }

  /// The quantized matrix of `rows` × `columns` that was packed.
  public func unpacked(
    format: ElementFormat, axis: GroupAxis, rows: Int, columns: Int
  ) -> QuantizedMatrix {
    let length = axis == .rows ? columns : rows
    precondition(
      lanes == (axis == .rows ? rows : columns),
      "\(lanes) lanes cannot be \(rows) × \(columns) with groups along \(axis.rawValue)")
    let codes = (0..<lanes * length).map { element in
      let (lane, position) = element.quotientAndRemainder(dividingBy: length)
      let byte = blocks[lane * groups * Self.blockSize + position / 2]
      return position % 2 == 0 ? byte & 15 : byte >> 4
    }
    let lanewise = QuantizedMatrix(
      format: format, axis: .rows, rows: lanes, columns: length, codes: codes, scales: scales)
    return axis == .rows ? lanewise : lanewise.transposed
  }
}
