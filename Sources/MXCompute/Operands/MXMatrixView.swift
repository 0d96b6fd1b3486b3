import MXFormats
import MXRuntime

/// A view on a matrix of codes with a scale byte a group, laid out for the product's tiles.
///
/// A lane is what the groups lie along: a row of the original matrix, or a column. Sixteen neighbouring
/// lanes are a panel. A panel holds blocks of 32 elements of each lane (256 bytes), and apart from them 16 scale
/// bytes a group, of which a block has one, or two of 16 elements; within a block, byte 64·t + 4·l + b holds element 8·t + b of
/// lane l in its low nibble and element 8·t + 4 + b in its high nibble. Codes of more than four bits take a byte each: byte
/// 64·t + 4·l + b of a block, which is twice as long, holds element 4·t + b. The layout is the same on every instruction set
/// and for either side of a product. Lanes, groups and elements beyond the matrix have code 0 (lanes and groups also scale
/// byte 0). Where each 128 elements of a lane have an outer scale, the scale bytes of a block are followed by those of its lanes,
/// 64 bytes in single precision, again in each of its four blocks.
///
/// 4.25 bits an element; 4.5 in groups of 16, 5.5 with outer scales of 128, 8.25 of MXFP6. The memory belongs to an `MXMatrix` or an `Arena`, which must outlive the view.
public struct MXMatrixView: BitwiseCopyable {
  /// Lanes of a panel.
  static let panelLanes = 16

  /// ⌈lanes/16⌉ × blocks × `blockBytes` bytes.
  package let codes: UnsafeMutablePointer<UInt8>
  /// ⌈lanes/16⌉ × blocks × `scaleBytes` bytes.
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
  /// Blocks of a lane, the last one filled up with zeros.
  var blocks: Int { Self.blocks(length) }
  /// Bytes of a block's codes.
  var blockBytes: Int { Self.blockBytes(format) }
  /// Bytes of a block's scales.
  var scaleBytes: Int { Self.scaleBytes(format) }

  static func panels(_ lanes: Int) -> Int { (lanes + panelLanes - 1) / panelLanes }
  private static func blocks(_ length: Int) -> Int {
    (length + BlockFormat.longestGroup - 1) / BlockFormat.longestGroup
  }
  /// Two elements a byte where they have four bits.
  private static func blockBytes(_ format: BlockFormat) -> Int {
    panelLanes * BlockFormat.longestGroup / (isWide(format) ? 1 : 2)
  }
  private static func scaleBytes(_ format: BlockFormat) -> Int {
    panelLanes * (groupsOfBlock(format) + (format.outerScale == .runs ? 4 : 0))
  }
  private static func groupsOfBlock(_ format: BlockFormat) -> Int {
    BlockFormat.longestGroup / format.groupSize
  }

  /// Whether codes take a byte each.
  private static func isWide(_ format: BlockFormat) -> Bool { format.elements.bits > 4 }

  /// Bytes of its codes and scales, with what fills up the last panel and group.
  package var byteCount: Int { Self.byteCount(lanes: lanes, length: length, format: format) }

  /// Bytes of codes and scales together.
  package static func byteCount(lanes: Int, length: Int, format: BlockFormat) -> Int {
    panels(lanes) * blocks(length) * (blockBytes(format) + scaleBytes(format))
  }

  /// Where an element's code lies: its byte among the codes, and its first bit there.
  func place(lane: Int, element: Int) -> (byte: Int, shift: UInt8) {
    let (block, inBlock) = element.quotientAndRemainder(dividingBy: BlockFormat.longestGroup)
    let isWide = Self.isWide(format)
    let byte =
      (lane / Self.panelLanes * blocks + block) * blockBytes
      + inBlock / (isWide ? 4 : 8) * 64 + lane % Self.panelLanes * 4 + inBlock % 4
    return (byte, isWide || inBlock % 8 < 4 ? 0 : 4)
  }

  /// Where a group's scale byte lies.
  package func scalePlace(lane: Int, group: Int) -> Int {
    let groups = Self.groupsOfBlock(format)
    return (lane / Self.panelLanes * blocks + group / groups) * scaleBytes
      + group % groups * Self.panelLanes + lane % Self.panelLanes
  }

  /// A lane's outer scale in a block, where runs have those.
  private func runScale(lane: Int, block: Int) -> UnsafeMutableRawPointer {
    let first = lane / Self.panelLanes * blocks + block
    let behind = Self.groupsOfBlock(format) * Self.panelLanes + lane % Self.panelLanes * 4
    return UnsafeMutableRawPointer(scales + first * scaleBytes + behind)
  }

  /// A group's scale, with the outer one of its run in it where there is one; NaN where it is broken.
  func scale(lane: Int, group: Int) -> Float {
    let scale = format.scale.value(of: scales[scalePlace(lane: lane, group: group)])
    guard format.outerScale == .runs else { return scale }
    let block = group / Self.groupsOfBlock(format)
    return scale * runScale(lane: lane, block: block).load(as: Float.self)
  }

  /// Blocks of a run.
  private static var blocksOfRun: Int { OuterScale.runLength / BlockFormat.longestGroup }

  /// A view on `byteCount` bytes: all codes, then all scales.
  init(_ base: UnsafeMutablePointer<UInt8>, lanes: Int, length: Int, format: BlockFormat) {
    codes = base
    scales = base + Self.panels(lanes) * Self.blocks(length) * Self.blockBytes(format)
    precondition(format.isPackable, "no packed matrices of \(format.rawValue)")
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
      let runs = lanewise.outerScales.count / lanes
      for block in 0..<blocks where runs > 0 {
        runScale(lane: lane, block: block).storeBytes(
          of: lanewise.outerScales[lane * runs + block / Self.blocksOfRun], as: Float.self)
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
  package func quantized(axis: GroupAxis, outerScale: Float = 1) -> QuantizedMatrix {
    var plain = [UInt8](repeating: 0, count: lanes * length)
    var plainScales = [UInt8](repeating: 0, count: lanes * groups)
    var outerScales: [Float] = []
    for lane in 0..<lanes {
      for element in 0..<length {
        let place = place(lane: lane, element: element)
        plain[lane * length + element] =
          codes[place.byte] >> place.shift & (2 * format.elements.signBit - 1)
      }
      for group in 0..<groups {
        plainScales[lane * groups + group] = scales[scalePlace(lane: lane, group: group)]
      }
      for block in stride(from: 0, to: blocks, by: Self.blocksOfRun)
      where format.outerScale == .runs {
        outerScales.append(runScale(lane: lane, block: block).load(as: Float.self))
      }
    }
    let lanewise = QuantizedMatrix(
      format: format, axis: .rows, rows: lanes, columns: length, codes: plain, scales: plainScales,
      outerScale: outerScale, outerScales: outerScales)
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
