import MXFormats
import MXRuntime

/// A view on a matrix of 4-bit codes with an E8M0 scale a group, laid out for the product's tiles.
///
/// A lane is what the groups lie along: a row of the original matrix, or a column. Sixteen neighbouring
/// lanes are a panel. A panel holds a block of codes a group (256 bytes for groups of 32), and apart from them 16 scale
/// bytes a group; within a block, byte 64·t + 4·l + b holds element 8·t + b of lane l's group in its low
/// nibble and element 8·t + 4 + b in its high nibble. The layout is the same on every instruction set and for
/// either side of a product. Lanes and elements beyond the matrix have code 0 (lanes also scale byte 0).
///
/// 4.25 bits an element. The memory belongs to an `MXMatrix` or an `Arena`, which must outlive the view.
public struct MXMatrixView: BitwiseCopyable {
  /// Lanes of a panel.
  static let panelLanes = 16

  /// ⌈lanes/16⌉ × groups × `blockBytes` bytes.
  package let codes: UnsafeMutablePointer<UInt8>
  /// ⌈lanes/16⌉ × groups × 16 bytes.
  package let scales: UnsafeMutablePointer<UInt8>
  /// Rows of the original matrix, or columns where its groups lie along columns.
  public let lanes: Int
  /// Elements of a lane: the extent of the contraction.
  public let length: Int
  /// The format of codes, groups and scales.
  public let format: BlockFormat

  /// Panels of 16 lanes, the last one filled up with zeros.
  var panels: Int { Self.panels(lanes) }
  /// Groups of a lane, the last one filled up with zeros.
  package var groups: Int { format.groups(length) }
  /// Bytes of a block of codes.
  var blockBytes: Int { Self.blockBytes(format) }

  static func panels(_ lanes: Int) -> Int { (lanes + panelLanes - 1) / panelLanes }
  /// A panel's lanes times a group's elements, two a byte.
  private static func blockBytes(_ format: BlockFormat) -> Int {
    panelLanes * format.groupSize / 2
  }

  /// Bytes of its codes and scales, with what fills up the last panel and group.
  package var byteCount: Int { Self.byteCount(lanes: lanes, length: length, format: format) }

  /// Bytes of codes and scales together.
  package static func byteCount(lanes: Int, length: Int, format: BlockFormat) -> Int {
    panels(lanes) * format.groups(length) * (blockBytes(format) + panelLanes)
  }

  /// Where an element's code lies: its byte among the codes, and its first bit there.
  func place(lane: Int, element: Int) -> (byte: Int, shift: UInt8) {
    let block = lane / Self.panelLanes * groups + element / format.groupSize
    let inGroup = element % format.groupSize
    let byte =
      block * blockBytes + inGroup / 8 * 64 + lane % Self.panelLanes * 4 + inGroup % 4
    return (byte, inGroup % 8 < 4 ? 0 : 4)
  }

  /// Where a group's scale byte lies.
  package func scalePlace(lane: Int, group: Int) -> Int {
    (lane / Self.panelLanes * groups + group) * Self.panelLanes + lane % Self.panelLanes
  }

  /// A view on `byteCount` bytes: all codes, then all scales.
  init(_ base: UnsafeMutablePointer<UInt8>, lanes: Int, length: Int, format: BlockFormat) {
    codes = base
    scales = base + Self.panels(lanes) * format.groups(length) * Self.blockBytes(format)
    self.lanes = lanes
    self.length = length
    self.format = format
  }
}

extension MXMatrixView {
  /// Writes codes and scales that are laid out plainly; the rest becomes zeros.
  package func write(_ matrix: QuantizedMatrix) {
    codes.update(repeating: 0, count: byteCount)
    let lanewise = matrix.axis == .rows ? matrix : matrix.transposed
    for lane in 0..<lanes {
      for element in 0..<length {
        let place = place(lane: lane, element: element)
        codes[place.byte] |= lanewise.codes[lane * length + element] << place.shift
      }
      for group in 0..<groups {
        scales[scalePlace(lane: lane, group: group)] = lanewise.scales[lane * groups + group]
      }
    }
  }

  /// Writes codes and scales that lie as in published checkpoints, a word of eight elements at a time.
  ///
  /// - Precondition: the matrix has the view's format, lanes and groups.
  package func write(_ matrix: PackedMatrix) {
    precondition(
      matrix.format == format && matrix.lanes == lanes && matrix.groups == groups,
      "\(matrix.lanes) lanes of \(matrix.groups) groups into \(lanes) of \(groups)")
    codes.update(repeating: 0, count: byteCount)
    let words = matrix.blockSize / 4
    matrix.blocks.withUnsafeBytes { blocks in
      for lane in 0..<lanes {
        for group in 0..<groups {
          let source = (lane * groups + group) * words
          let target = codes + place(lane: lane, element: group * format.groupSize).byte
          for word in 0..<words {
            let pairs = UInt32(
              littleEndian: blocks.loadUnaligned(
                fromByteOffset: 4 * (source + word), as: UInt32.self))
            UnsafeMutableRawPointer(target + 64 * word).storeBytes(
              of: Self.halves(pairs).littleEndian, as: UInt32.self)
          }
          scales[scalePlace(lane: lane, group: group)] = matrix.scales[lane * groups + group]
        }
      }
    }
  }

  /// Eight codes, of which neighbours shared a byte: elements 0 … 3 in the low nibbles, 4 … 7 in the high ones.
  private static func halves(_ pairs: UInt32) -> UInt32 {
    // The inner bytes change places, and then the inner nibbles of each half.
    let bytes = (pairs ^ pairs >> 8) & 0x0000_ff00
    let word = pairs ^ bytes ^ bytes << 8
    let nibbles = (word ^ word >> 4) & 0x00f0_00f0
    return word ^ nibbles ^ nibbles << 4
  }

  /// The codes and scales, laid out plainly, of a matrix whose groups lie along `axis`.
  package func quantized(axis: GroupAxis) -> QuantizedMatrix {
    var plain = [UInt8](repeating: 0, count: lanes * length)
    var plainScales = [UInt8](repeating: 0, count: lanes * groups)
    for lane in 0..<lanes {
      for element in 0..<length {
        let place = place(lane: lane, element: element)
        plain[lane * length + element] = codes[place.byte] >> place.shift & 15
      }
      for group in 0..<groups {
        plainScales[lane * groups + group] = scales[scalePlace(lane: lane, group: group)]
      }
    }
    let lanewise = QuantizedMatrix(
      format: format, axis: .rows, rows: lanes, columns: length, codes: plain, scales: plainScales)
    return axis == .rows ? lanewise : lanewise.transposed
  }
}

extension Arena {
  /// A packed matrix of undefined contents for `rows` × `columns` numbers whose groups lie along `axis`, valid
  /// until the arena is released to an earlier mark.
  package func packed(
    rows: Int, columns: Int, axis: GroupAxis, format: BlockFormat
  ) -> MXMatrixView {
    let (lanes, length) = axis == .rows ? (rows, columns) : (columns, rows)
    let bytes = MXMatrixView.byteCount(lanes: lanes, length: length, format: format)
    return MXMatrixView(
      allocateBytes(bytes).assumingMemoryBound(to: UInt8.self), lanes: lanes, length: length,
      format: format)
  }
}
