/// A block format as data: what the elements are, how many of them share a scale, what a scale is, and whether one number
/// more scales the whole matrix. A format that kernels know is one value here and one row of CMXKernels' table.
public struct BlockFormat: Hashable, Sendable, BitwiseCopyable {
  /// The format of the elements.
  public let elements: ElementFormat
  /// Neighbouring elements that share a scale, along the contraction of the product that will consume them. A tail that
  /// is shorter is a group of its own.
  public let groupSize: Int
  /// What the scale of a group is.
  package let scale: ScaleFormat
  /// What multiplies the scales of all groups.
  package let outerScale: OuterScale

  /// Only `Quantizer` and `referenceProduct` compute in a format that is not among `allCases`.
  package init(
    elements: ElementFormat, groupSize: Int, scale: ScaleFormat, outerScale: OuterScale
  ) {
    precondition(groupSize > 0 && groupSize % 2 == 0, "groups of \(groupSize)")
    self.elements = elements
    self.groupSize = groupSize
    self.scale = scale
    self.outerScale = outerScale
  }

  /// E2M1 in groups of 32 under a power of two: MXFP4 of the OCP Microscaling specification v1.0, section 5.3.3.
  public static let mxfp4 = BlockFormat(
    elements: .e2m1, groupSize: 32, scale: .e8m0, outerScale: .none)
  /// The same with E3M0 elements: the ablation of the paper's Table 7.
  public static let mxe3m0 = BlockFormat(
    elements: .e3m0, groupSize: 32, scale: .e8m0, outerScale: .none)
  /// Six bits in groups of 32 under a power of two: MXFP6 of the same specification, with E2M3 elements, which are whole numbers of
  /// eighths to 60: products of bytes take them as they do MXFP4's.
  public static let mxe2m3 = BlockFormat(
    elements: .e2m3, groupSize: 32, scale: .e8m0, outerScale: .none)
  /// MXFP6 with E3M2 elements. Products in single precision alone compute in it, and in the two that follow.
  public static let mxe3m2 = BlockFormat(
    elements: .e3m2, groupSize: 32, scale: .e8m0, outerScale: .none)
  /// MXFP8 with E4M3 elements.
  public static let mxe4m3 = BlockFormat(
    elements: .e4m3, groupSize: 32, scale: .e8m0, outerScale: .none)
  /// MXFP8 with E5M2 elements.
  public static let mxe5m2 = BlockFormat(
    elements: .e5m2, groupSize: 32, scale: .e8m0, outerScale: .none)
  /// Integers −7 … 7 under one number for the matrix, its largest magnitude over 7: INT4 per tensor (the rival of the paper's Table 2).
  /// All groups of 32 have the scale 1.
  public static let int4 = BlockFormat(
    elements: .int4, groupSize: 32, scale: .one, outerScale: .matrix)
  /// E2M1 in groups of 16 under an E4M3 number, and a single-precision number for the matrix: NVIDIA's NVFP4.
  public static let nvfp4 = BlockFormat(
    elements: .e2m1, groupSize: 16, scale: .e4m3, outerScale: .matrix)

  /// The same with such a number for each 128 neighbours along the contraction, which follows from these alone: the double blocks of
  /// TetraJet-v2 (Chen et al., 2025, arXiv:2510.27527; Documentation/Formats.md, "NVFP4").
  public static let nvfp4Runs = BlockFormat(
    elements: .e2m1, groupSize: 16, scale: .e4m3, outerScale: .runs)

  /// The largest magnitude that there is under an outer scale of 1, or with 4/6 the largest that leaves room for scales half as large
  /// again: what the largest of a matrix is divided by.
  package func largestWithoutOuterScale(triesFour: Bool) -> Float {
    switch scale {
    case .e8m0, .one: elements.maximum
    case .e4m3: (triesFour ? 256 : E4M3.maximum) * elements.maximum
    }
  }

  /// Whether matrices of it can be packed: the processors' products of bytes take no more than 64 of an element's smallest steps,
  /// with room for the sign. All others are computed by the numbers that they stand for, in single precision.
  public var isPackable: Bool { elements.maximum <= 64 * E8M0.power(elements.stepExponent) }

  /// Whether its packed matrices can be multiplied with those of another format: groups are of one length, under scales of
  /// one kind.
  package func isPackable(with other: BlockFormat) -> Bool {
    isPackable && other.isPackable && groupSize == other.groupSize
      && (scale == .e4m3) == (other.scale == .e4m3)
  }

  /// The longest group of `allCases`, and a multiple of every shorter one.
  package static let longestGroup = allCases.reduce(0) { max($0, $1.groupSize) }

  /// Rows and columns at whose multiples matrices of this format are cut into slices.
  package var alignment: Int { outerScale == .runs ? OuterScale.runLength : Self.longestGroup }

  /// Groups of `length` elements.
  package func groups(_ length: Int) -> Int { (length + groupSize - 1) / groupSize }

  /// The shape of the scales of a `rows` × `columns` matrix: rows × ⌈columns/groupSize⌉, or ⌈rows/groupSize⌉ × columns.
  package func scaleShape(
    rows: Int, columns: Int, along axis: GroupAxis
  ) -> (rows: Int, columns: Int) {
    shape(rows: rows, columns: columns, along: axis, by: groupSize)
  }

  /// The shape of the outer scales of runs; nil where it has none of those.
  package func outerScaleShape(
    rows: Int, columns: Int, along axis: GroupAxis
  ) -> (rows: Int, columns: Int)? {
    outerScale == .runs
      ? shape(rows: rows, columns: columns, along: axis, by: OuterScale.runLength) : nil
  }

  /// Which of the outer scales of runs is that of an element of a matrix of `columns` columns.
  package func run(row: Int, column: Int, _ columns: Int, _ axis: GroupAxis) -> Int {
    let length = OuterScale.runLength
    return switch axis {
    case .rows: row * ((columns + length - 1) / length) + column / length
    case .columns: row / length * columns + column
    }
  }

  private func shape(
    rows: Int, columns: Int, along axis: GroupAxis, by size: Int
  ) -> (rows: Int, columns: Int) {
    switch axis {
    case .rows: (rows, (columns + size - 1) / size)
    case .columns: ((rows + size - 1) / size, columns)
    }
  }
}

extension BlockFormat: CaseIterable, RawRepresentable {
  /// The formats in which layers compute.
  public static let allCases: [BlockFormat] = [
    .mxfp4, .mxe3m0, .int4, .mxe2m3, .mxe3m2, .mxe4m3, .mxe5m2, .nvfp4, .nvfp4Runs,
  ]
  /// Those of four bits whose groups have scales: what files hold.
  package static let inFiles: [BlockFormat] = [.mxfp4, .mxe3m0, .nvfp4]

  /// The name in recipes and in the metadata of files: that of the elements, as their group and scale are the same, but for
  /// `nvfp4` and `nvfp4-1x128`.
  public var rawValue: String {
    if self == .nvfp4 { return "nvfp4" }
    if self == .nvfp4Runs { return "nvfp4-1x128" }
    return Self.allCases.contains(self)
      ? elements.name : "\(elements.name) in groups of \(groupSize) under \(scale.rawValue)"
  }

  /// The scale rules that it has: all where scales are powers of two, or are 1; under numbers of 8 bits `even`, which takes the
  /// nearest of them, and `truncationFree`.
  public var scaleRules: [ScaleRule] {
    scale == .e4m3 ? [.truncationFree, .even] : ScaleRule.allCases
  }

  /// By what they say, and not by their names, as it would be for other types that have any.
  public static func == (a: BlockFormat, b: BlockFormat) -> Bool {
    (a.elements, a.groupSize, a.scale, a.outerScale)
      == (b.elements, b.groupSize, b.scale, b.outerScale)
  }

  /// The format of a name.
  public init?(rawValue: String) {
    guard let format = Self.allCases.first(where: { $0.rawValue == rawValue }) else { return nil }
    self = format
  }
}
