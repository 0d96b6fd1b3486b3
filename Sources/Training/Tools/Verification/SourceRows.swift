import Files
import MXFormats
import VisionModels

/// The tensors of another file that a 4-bit tensor was made from: one, some rows of one, or several below each other.
struct SourceRows {
  private let file: PackedFile
  /// The tensors with the rows that each has.
  private let parts: [(name: String, rows: Range<Int>)]
  /// How many rows there are, and the extent of each.
  let rows: Range<Int>, columns: Int

  /// - Parameter rows: which of all tensors' rows are meant; nil for all.
  /// - Returns: nil where a tensor is missing, or their rows have not one length.
  init?(_ file: PackedFile, _ names: [String], rows: Range<Int>? = nil) {
    var parts: [(String, Range<Int>)] = []
    var columns: Int?
    for name in names {
      guard let shape = file.shape(of: name), let last = shape.last, last > 0,
        columns == nil || columns == last
      else { return nil }
      columns = last
      let first = parts.last?.1.upperBound ?? 0
      let (end, overflow) = shape.dropLast().reduce(1, &*).addingReportingOverflow(first)
      guard !overflow, end >= first else { return nil }
      parts.append((name, first..<end))
    }
    guard let columns, let end = parts.last?.1.upperBound, rows?.upperBound ?? end <= end else {
      return nil
    }
    (self.file, self.parts, self.columns) = (file, parts, columns)
    self.rows = rows ?? 0..<end
  }

  /// The tensors' names.
  var names: [String] { parts.map(\.name) }

  /// Numbers of some rows, counted from the first that is meant.
  ///
  /// - Parameter ending: what stands behind the tensors' names.
  func floats(_ range: Range<Int>, ending: String = "") throws -> [Float] {
    let wanted = range.lowerBound + rows.lowerBound..<range.upperBound + rows.lowerBound
    return try parts.flatMap { part -> [Float] in
      let common = part.rows.clamped(to: wanted)
      if common.isEmpty { return [] }
      let first = common.lowerBound - part.rows.lowerBound
      return try file.floats(
        part.name + ending, rows: first..<first + common.count, columns: columns)
    }
  }

  /// Whether all tensors have moving averages beside them, as Q-EMA's checkpoints do.
  var hasAverages: Bool {
    parts.allSatisfy { file.shape(of: $0.name + ".ema") == file.shape(of: $0.name) }
  }

  /// Whether all tensors have codes of a format under one outer scale, with groups along rows.
  func hasCodes(_ format: BlockFormat) -> Bool {
    let listings = parts.compactMap { file[$0.name] }
    return listings.count == parts.count
      && listings.allSatisfy {
        $0.format == format && $0.axis == .rows && $0.outerScale == listings[0].outerScale
      }
  }

  /// The codes of some rows, counted from the first that is meant.
  ///
  /// - Precondition: `hasCodes`.
  func codes(_ range: Range<Int>) throws -> PackedMatrix {
    let wanted = range.lowerBound + rows.lowerBound..<range.upperBound + rows.lowerBound
    let matrices = try parts.compactMap { part -> PackedMatrix? in
      let common = part.rows.clamped(to: wanted)
      guard !common.isEmpty, let packed = file[part.name] else { return nil }
      let first = common.lowerBound - part.rows.lowerBound
      return try packed.read(first..<first + common.count)
    }
    guard let matrix = PackedMatrix(below: matrices) else {
      preconditionFailure("codes that do not go together")
    }
    return matrix
  }
}

/// Which tensors of another file the 4-bit tensors of a file were made from: by their names, or by what timm and
/// transformers call the matrices of vision transformers.
struct SourceNames {
  private let file: PackedFile
  /// For tensors of other names: where their rows lie.
  private var places: [String: (names: [String], rows: Range<Int>)] = [:]

  init(_ packed: PackedFile, in file: PackedFile) {
    self.file = file
    guard let ours = PretrainedNames(recognizing: packed),
      let theirs = PretrainedNames(recognizing: file)
    else { return }
    for matrix in ours.blockMatrices {
      guard let here = ours.source(of: matrix)?.names, let there = theirs.source(of: matrix)?.names
      else { continue }
      var first = 0
      for name in here {
        let rows = packed.shape(of: name)?.first ?? 0
        let (end, overflow) = first.addingReportingOverflow(rows)
        if overflow { break }
        places[name] = (there, first..<end)
        first = end
      }
    }
  }

  /// The rows that a tensor was made from; nil where there are none.
  func rows(of name: String) -> SourceRows? {
    if file.shape(of: name) != nil { return SourceRows(file, [name]) }
    if let place = places[name] { return SourceRows(file, place.names, rows: place.rows) }
    return nil
  }
}
