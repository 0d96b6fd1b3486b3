import Files
import MXFormats

/// How a file names and shapes the codes and scales of a tensor; the bytes are the same.
package enum PackedStyle: Sendable {
  /// `T_blocks` [lanes, groups, 16] and `T_scales`: published MXFP4 checkpoints. With an outer scale, `T_outer_scale`.
  case pairs
  /// `T_packed` [lanes, groups · 16] and `T_scale`: compressed-tensors. With an outer scale, what divides, `T_global_scale`.
  case compressedTensors
  /// T in words of 32 bits [lanes, groups · 4], and for T = `M.weight` `M.scales`: MLX.
  case mlx

  /// The style of a tensor that holds codes; nil of another one.
  package static func of(_ entry: TensorEntry, in file: SafetensorsFile) -> PackedStyle? {
    let name = entry.name
    if name.hasSuffix("_blocks") {
      let base = name.dropLast("_blocks".count)
      return file[String(base)] == nil && file["\(base)_scales"] != nil ? .pairs : nil
    }
    if name.hasSuffix(".weight_packed") { return .compressedTensors }
    if name.hasSuffix(".weight"), entry.type == .u32 { return .mlx }
    return nil
  }

  /// The tensor whose codes those are.
  package func tensor(ofCodes name: String) -> String {
    switch self {
    case .pairs: String(name.dropLast("_blocks".count))
    case .compressedTensors: String(name.dropLast("_packed".count))
    case .mlx: name
    }
  }

  /// The codes of a tensor.
  package func codes(of tensor: String) -> String {
    switch self {
    case .pairs: "\(tensor)_blocks"
    case .compressedTensors: "\(tensor)_packed"
    case .mlx: tensor
    }
  }

  /// The scales of a tensor.
  package func scales(of tensor: String) -> String {
    switch self {
    case .pairs: "\(tensor)_scales"
    case .compressedTensors: "\(tensor)_scale"
    case .mlx: "\(tensor.dropLast(".weight".count)).scales"
    }
  }

  /// The one number that a tensor's outer scale follows from.
  package func outerScale(of tensor: String) -> String {
    switch self {
    case .pairs: "\(tensor)_outer_scale"
    case .compressedTensors: "\(tensor)_global_scale"
    case .mlx: "\(tensor.dropLast(".weight".count)).outer_scale"
    }
  }

  /// That number.
  package func stored(outerScale: Float) -> Float {
    self == .compressedTensors ? 1 / outerScale : outerScale
  }

  /// What the scales of groups are: bytes, under the name that their readers know.
  package func scaleType(_ format: BlockFormat) -> TensorType {
    self == .compressedTensors && format.scale == .e4m3 ? .f8e4m3 : .u8
  }

  /// What the tensor of codes is: its last extent is a group's for `pairs`, else a lane's, a multiple of a group's.
  ///
  /// - Parameter blockSize: bytes of a group's codes.
  package func codes(
    blockSize: Int
  ) -> (type: TensorType, rank: Int, extent: Int, text: String) {
    switch self {
    case .pairs: (.u8, 3, blockSize, "U8 [lanes, groups, \(blockSize)]")
    case .compressedTensors: (.u8, 2, blockSize, "U8 [lanes, groups * \(blockSize)]")
    case .mlx: (.u32, 2, blockSize / 4, "U32 [lanes, groups * \(blockSize / 4)]")
    }
  }

  /// The tensors that hold a matrix.
  package func tensors(_ name: String, _ matrix: PackedMatrix) -> [OutgoingTensor] {
    let wanted = codes(blockSize: matrix.blockSize)
    let shape =
      wanted.rank == 3
      ? [matrix.lanes, matrix.groups, wanted.extent]
      : [matrix.lanes, matrix.groups * wanted.extent]
    let outerScale =
      matrix.format.outerScale == .none
      ? []
      : [
        OutgoingTensor.floats(
          self.outerScale(of: name), shape: [1], [stored(outerScale: matrix.outerScale)])
      ]
    return [
      .bytes(codes(of: name), wanted.type, shape: shape, matrix.blocks),
      .bytes(
        scales(of: name), scaleType(matrix.format), shape: [matrix.lanes, matrix.groups],
        matrix.scales),
    ] + outerScale
  }
}
