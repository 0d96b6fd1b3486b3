import Files
import MXFormats

/// How a file has its 4-bit tensors.
package enum FileLayout: String, Sendable {
  /// Pairs that `quantize` wrote.
  case quantize
  /// Pairs `NAME_blocks` and `NAME_scales`, as published MXFP4 checkpoints and `export --layout hf`.
  case hf
  case compressedTensors = "compressed-tensors"
  case mlx
  case gguf
  case onnx
}

/// A 4-bit tensor of a file that can be looked at.
struct PackedListing {
  /// Its name, without what a layout adds.
  let name: String
  /// Its extents once it is decoded, slowest first.
  let shape: [Int]
  /// The way of its file.
  let layout: FileLayout
  /// The format of codes, groups and scales.
  let format: BlockFormat
  /// Along which axis of a matrix the groups lie; rows for tensors of more extents.
  let axis: GroupAxis
  /// The lanes that its groups lie along, and the groups of each.
  let lanes, groups: Int
  /// What multiplies all scales; 1 where the format has no outer scale.
  var outerScale: Float = 1
  /// Reads some lanes.
  let read: (Range<Int>) throws -> PackedMatrix

  /// The elements of a lane.
  var length: Int { axis == .rows ? shape[shape.count - 1] : shape[0] }

  /// Calls `body` with a few lanes after another, a megabyte or sixteen lanes: whole squares, where those share scales.
  func forEachPart(_ body: (Range<Int>, PackedMatrix) throws -> Void) throws {
    let lane = groups * (1 + PackedMatrix.blockSize(format))
    let step = max(1, (1 << 16) / max(lane, 1)) * 16
    for first in stride(from: 0, to: lanes, by: step) {
      let range = first..<min(lanes, first + step)
      try body(range, read(range))
    }
  }
}

/// A file, or the files of a folder, with the 4-bit tensors in them.
struct PackedFile: TensorList {
  /// The file or folder.
  let path: String
  /// The files.
  let files: [String]
  /// Their notes.
  let metadata: [String: String]
  /// How the 4-bit tensors say they were made; nil where nothing says so.
  let stored: StoredQuantization?
  /// The 4-bit tensors.
  let tensors: [PackedListing]
  /// What keeps others from being looked at, a line each.
  let faults: [String]
  /// Compares every file with the hash that it carries.
  let verifyChecksums: () throws -> Void
  /// The extents of the other tensors.
  let others: [String: [Int]]

  /// Reads some elements of another tensor in single precision.
  private let numbers: (String, Range<Int>) throws -> [Float]
  private let listed: [String: Int]

  init(
    path: String, files: [String], metadata: [String: String], stored: StoredQuantization?,
    tensors: [PackedListing], faults: [String], others: [String: [Int]],
    numbers: @escaping (String, Range<Int>) throws -> [Float],
    verifyChecksums: @escaping () throws -> Void
  ) {
    (self.path, self.files, self.metadata, self.stored) = (path, files, metadata, stored)
    (self.tensors, self.faults, self.others) = (tensors, faults, others)
    (self.numbers, self.verifyChecksums) = (numbers, verifyChecksums)
    listed = Dictionary(
      tensors.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  var tensorNames: [String] { tensors.map(\.name) + others.keys.sorted() }

  func shape(of name: String) -> [Int]? { self[name]?.shape ?? others[name] }

  /// A 4-bit tensor; nil for another one.
  subscript(name: String) -> PackedListing? { listed[name].map { tensors[$0] } }

  /// Some rows of a tensor in single precision, those of 4-bit tensors as the values of their codes.
  ///
  /// - Precondition: the tensor has them.
  func floats(_ name: String, rows: Range<Int>, columns: Int) throws -> [Float] {
    guard let packed = self[name] else {
      return try numbers(name, rows.lowerBound * columns..<rows.upperBound * columns)
    }
    guard packed.axis == .columns else {
      return try packed.read(rows).unpacked(axis: .rows, rows: rows.count, columns: columns).values
    }
    let values = try packed.read(0..<packed.lanes)
      .unpacked(axis: .columns, rows: packed.shape[0], columns: columns).values
    return Array(values[rows.lowerBound * columns..<rows.upperBound * columns])
  }
}
