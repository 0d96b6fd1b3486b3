import Files
import MXCompute
import MXFormats

/// What a file of 4-bit tensors is: its layout, how its blocks were made as far as they show it, what is not canonical in
/// them, and, where there is something to compare with, whether they are what that becomes.
package struct FileVerification: Sendable {
  /// A 4-bit tensor.
  package struct Tensor: Sendable {
    /// Its name, without what a layout adds.
    package let name: String
    /// Its extents once it is decoded, slowest first.
    package let shape: [Int]
    /// Its blocks.
    package let census: BlockCensus
    /// Beside what it was made from.
    package let comparison: Comparison
  }

  /// A 4-bit tensor beside what it was made from.
  package enum Comparison: Sendable {
    /// Nothing is compared.
    case none
    /// The other file has no such tensor, or has it in another shape.
    case missing
    /// With numbers in full precision.
    case source(SourceComparison)
    /// With codes.
    case decoded(DecodedComparison)
  }

  /// The file or folder as it was named, and the files that were read.
  package let path: String, files: [String]
  /// Its layout; several where tensors are in different ones.
  package let layouts: [FileLayout]
  /// The format of the blocks.
  package let format: BlockFormat
  /// What the file says of itself: method, scale rule, rounding; nil for what it does not say.
  package let method: String?, statedRule: ScaleRule?, statedRounding: Rounding?
  /// The 4-bit tensors, and how many others there are.
  package let tensors: [Tensor], others: Int
  /// All blocks, and what they tell of each scale rule; nothing where scales are no powers of two.
  package let total: BlockCensus, evidence: [ScaleRuleEvidence]
  /// What was compared with.
  package let against: String?
  /// All comparisons; nil where there were none of the kind.
  package let source: SourceComparison?, decoded: DecodedComparison?
  /// What is wrong, a line each; empty for a sound file that is equal to the other, or explained by it.
  package let problems: [String]

  /// Looks at a file, tensor by tensor and group by group.
  ///
  /// - Parameters:
  ///   - path: a file, or a folder with one or with a model in parts.
  ///   - against: what the 4-bit tensors were made from, as a checkpoint, a run folder or another file of weights; nil for
  ///     nothing.
  /// - Throws: `FileError`, `SafetensorsError`, `GGUFError`, `ONNXError`,
  ///   `WeightFileError`, `VerificationError`.
  package init(path: String, against: String? = nil) throws {
    let file = try PackedFile.open(path)
    guard let first = file.tensors.first else {
      if let fault = file.faults.first {
        throw VerificationError.unsound(path, problem: fault, more: file.faults.count - 1)
      }
      throw VerificationError.noCodes(path)
    }
    let names = try against.map { path in
      let other = try PackedFile.open(path)
      try other.verifyChecksums()
      return SourceNames(file, in: other)
    }
    (self.path, files, others) = (path, file.files, file.others.count)
    format = first.format
    self.against = against
    method = file.metadata["method"]
    (statedRule, statedRounding) = (file.stored?.recipe.scaleRule, file.stored?.recipe.rounding)
    tensors = try file.tensors.map { try Self.tensor($0, names, file.stored?.recipe) }
    var layouts: [FileLayout] = []
    for tensor in file.tensors where !layouts.contains(tensor.layout) {
      layouts.append(tensor.layout)
    }
    self.layouts = layouts
    var total = BlockCensus()
    var (source, decoded): (SourceComparison?, DecodedComparison?)
    for tensor in tensors {
      total.add(tensor.census)
      switch tensor.comparison {
      case .none, .missing: break
      case .source(let comparison): source = source.map { $0.adding(comparison) } ?? comparison
      case .decoded(let comparison): decoded = decoded.map { $0.adding(comparison) } ?? comparison
      }
    }
    (self.total, self.source, self.decoded) = (total, source, decoded)
    // Under scales that are no powers of two the largest of a group has the same codes by every rule.
    let telling = format.scale == .e8m0 ? ScaleRule.allCases : []
    evidence = telling.map { [format] in ScaleRuleEvidence($0, total, format.elements) }
    var problems: [String] = []
    do { try file.verifyChecksums() } catch let error as any ReportableError {
      problems.append("\(error)")
    }
    problems += file.faults
    problems +=
      VerificationProblems(
        tensors: tensors, format: format, total: total, evidence: evidence, source: source,
        decoded: decoded,
        statedRule: statedRule, statedRounding: statedRounding, against: against
      ).lines
    self.problems = problems
  }

  /// - Throws: `VerificationError.unsound` where something is wrong.
  package func check() throws {
    guard let first = problems.first else { return }
    // What is wrong with a file says where.
    let problem = first.hasPrefix("\(path): ") ? String(first.dropFirst(path.count + 2)) : first
    throw VerificationError.unsound(path, problem: problem, more: problems.count - 1)
  }

  private static func tensor(
    _ listing: PackedListing, _ names: SourceNames?, _ stated: QuantizerRecipe?
  ) throws -> Tensor {
    var census = BlockCensus()
    guard let names else {
      try listing.forEachPart { census.add($1, length: listing.length) }
      return Tensor(name: listing.name, shape: listing.shape, census: census, comparison: .none)
    }
    func finding(_ comparison: Comparison) -> Tensor {
      Tensor(name: listing.name, shape: listing.shape, census: census, comparison: comparison)
    }
    guard let rows = names.rows(of: listing.name), rows.columns == listing.shape.last,
      rows.rows.count == listing.shape.dropLast().reduce(1, *)
    else {
      try listing.forEachPart { census.add($1, length: listing.length) }
      return finding(.missing)
    }
    if listing.axis == .rows, rows.hasCodes(listing.format) {
      var comparison = DecodedComparison()
      try listing.forEachPart { range, matrix in
        census.add(matrix, length: listing.length)
        comparison.add(matrix, try rows.codes(range), length: listing.length)
      }
      return finding(.decoded(comparison))
    }
    var comparison = SourceComparison()
    let columns = rows.columns
    // Of groups along columns every lane needs all rows.
    func all(_ ending: String) throws -> [Float]? {
      listing.axis == .columns ? try rows.floats(0..<rows.rows.count, ending: ending) : nil
    }
    let whole = (values: try all(""), averages: rows.hasAverages ? try all(".ema") : nil)
    func numbers(_ range: Range<Int>, _ whole: [Float]?, _ ending: String) throws -> [Float] {
      guard let whole else { return try rows.floats(range, ending: ending) }
      return range.flatMap { column in
        (0..<listing.length).map { whole[$0 * columns + column] }
      }
    }
    try listing.forEachPart { range, matrix in
      census.add(matrix, length: listing.length)
      comparison.add(
        matrix, try numbers(range, whole.values, ""),
        averages: rows.hasAverages ? try numbers(range, whole.averages, ".ema") : nil,
        length: listing.length, isSquare: stated?.isSquare ?? false,
        triesFour: stated?.triesFour ?? false)
    }
    return finding(.source(comparison))
  }
}
