import MXFormats

/// ggml's blocks of MXFP4: of a group of 32 elements the scale, and 16 bytes of codes, of which byte j holds element j in its
/// low nibble and element j + 16 in its high one. (Elsewhere a byte holds elements 2j and 2j + 1.)
///
/// Source: `block_mxfp4` in ggml's `ggml-common.h`.
package enum GGUFBlocks {
  /// The blocks of a matrix, lane by lane.
  package static func bytes(_ matrix: PackedMatrix) -> [UInt8] {
    let size = matrix.blockSize
    var blocks: [UInt8] = []
    blocks.reserveCapacity(matrix.scales.count * (1 + size))
    for (group, scale) in matrix.scales.enumerated() {
      func code(_ element: Int) -> UInt8 {
        let byte = matrix.blocks[group * size + element / 2]
        return element % 2 == 0 ? byte & 15 : byte >> 4
      }
      blocks.append(scale)
      for element in 0..<size { blocks.append(code(element) | code(element + size) << 4) }
    }
    return blocks
  }

  /// The matrix of blocks.
  ///
  /// - Precondition: the bytes are whole blocks, and each lane has as many.
  static func matrix(_ blocks: [UInt8], lanes: Int) -> PackedMatrix {
    let size = PackedMatrix.blockSize(.mxfp4)
    let groups = blocks.count / (1 + size)
    precondition(blocks.count == groups * (1 + size), "\(blocks.count) bytes of blocks")
    var (codes, scales) = ([UInt8](), [UInt8]())
    codes.reserveCapacity(groups * size)
    scales.reserveCapacity(groups)
    for group in 0..<groups {
      let first = group * (1 + size)
      scales.append(blocks[first])
      func code(_ element: Int) -> UInt8 {
        let byte = blocks[first + 1 + element % size]
        return element < size ? byte & 15 : byte >> 4
      }
      for byte in 0..<size { codes.append(code(2 * byte) | code(2 * byte + 1) << 4) }
    }
    return PackedMatrix(format: .mxfp4, lanes: lanes, blocks: codes, scales: scales)
  }
}
