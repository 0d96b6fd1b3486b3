import MXRuntime

// Shapes: N rows, C channels.

/// Numbers that an operation makes while they are read: what only a quantizer reads need not lie in memory.
package struct LazyMatrix {
  /// What they are made of.
  let source: Source
  /// [1, C], what is then subtracted from every row; nil for nothing.
  private(set) var offset: FloatMatrix?

  enum Source {
    case numbers(Numbers)
    case rows(RowTerms)
    case layerNorm(NormTerms)
    case gelu(Numbers)
    case geluGradient(x: Numbers, dy: Numbers)
  }

  private init(_ source: Source) { self.source = source }

  /// Those that lie in memory, or a product.
  package static func numbers(_ x: Numbers) -> LazyMatrix { LazyMatrix(.numbers(x)) }
  /// Rows in another order, times factors.
  package static func rows(_ terms: RowTerms) -> LazyMatrix { LazyMatrix(.rows(terms)) }
  /// Layer norm.
  package static func layerNorm(_ terms: NormTerms) -> LazyMatrix { LazyMatrix(.layerNorm(terms)) }
  /// x·Φ(x).
  package static func gelu(_ x: Numbers) -> LazyMatrix { LazyMatrix(.gelu(x)) }
  /// dy·(Φ(x) + x·φ(x)): the gradient of GELU at x. Where dy lies in memory, it may be overwritten.
  package static func geluGradient(x: Numbers, dy: Numbers) -> LazyMatrix {
    LazyMatrix(.geluGradient(x: x, dy: dy))
  }

  /// The same, of which a row [1, C] is subtracted from every row; nil for nothing.
  package func minus(_ row: FloatMatrix?) -> LazyMatrix {
    precondition(offset == nil && row.map { $0.count == shape.columns } != false, "another width")
    var result = self
    result.offset = row
    return result
  }

  /// The numbers, where they lie in memory as they are; nil where they are to be made.
  package var matrix: FloatMatrix? {
    if offset == nil, case .numbers(.matrix(let x)) = source { x } else { nil }
  }

  /// What an operation goes on from.
  package enum Numbers: BitwiseCopyable {
    /// Numbers in memory.
    case matrix(FloatMatrix)
    /// A product, which is made as it is needed.
    case product(ProductTerms)
  }

  /// Numbers in memory.
  package static func matrix(_ x: FloatMatrix) -> LazyMatrix { .numbers(.matrix(x)) }

  /// Rows and columns.
  package var shape: (rows: Int, columns: Int) {
    switch source {
    case .numbers(let x), .gelu(let x), .geluGradient(x: _, let x): x.shape
    case .rows(let terms): (terms.map.rows(terms.x.rows), terms.x.columns)
    case .layerNorm(let terms): (terms.map.rows(terms.x.rows), terms.x.columns)
    }
  }

  /// Memory of its size that it is made of and that it may be put into; nil for none.
  var overwritable: FloatMatrix? {
    if case .geluGradient(_, .matrix(let dy)) = source { dy } else { nil }
  }

  /// Whether its tiles can be made one by one: not of a product of codes with numbers.
  var isMadeInTiles: Bool {
    switch source {
    case .numbers(let x), .gelu(let x): x.isMadeInTiles
    case .geluGradient(let x, let dy): x.isMadeInTiles && dy.isMadeInTiles
    case .rows, .layerNorm: true
    }
  }
}

extension LazyMatrix.Numbers {
  /// The matrix in memory; nil for a product.
  package var matrix: FloatMatrix? { if case .matrix(let x) = self { x } else { nil } }

  /// Rows and columns.
  package var shape: (rows: Int, columns: Int) {
    switch self {
    case .matrix(let x): (x.rows, x.columns)
    case .product(let terms): (terms.a.lanes, terms.b.lanes)
    }
  }

  var isMadeInTiles: Bool {
    switch self {
    case .matrix: true
    case .product(let terms): terms.a.isCodes == terms.b.isCodes
    }
  }
}

/// Aᵒ·Bᵒᵀ + bias, as `Compute.product` has it.
package struct ProductTerms: BitwiseCopyable {
  package let a, b: Encoded
  package let bias: FloatMatrix?

  /// - Parameter bias: [1, lanes of b]; nil for none.
  package init(_ a: Encoded, _ b: Encoded, bias: FloatMatrix? = nil) {
    (self.a, self.b, self.bias) = (a, b, bias)
  }

  /// What the product is to be multiplied with, before the bias: the outer scales that its operands do not have in them; nil for
  /// nothing.
  var pendingScale: Float? {
    if a.pendingScale == nil && b.pendingScale == nil { return nil }
    return (a.pendingScale ?? 1) * (b.pendingScale ?? 1)
  }

  /// Of the lanes of packed matrices.
  package init(_ a: MXMatrixView, _ b: MXMatrixView, bias: FloatMatrix? = nil) {
    self.init(Encoded(.codes(a), axis: .rows), Encoded(.codes(b), axis: .rows), bias: bias)
  }
}

/// The rows of x, image by image, in an order of their own, each times its image's factor.
package struct RowTerms {
  /// [N, C].
  let x: FloatMatrix
  /// Which row becomes which; nil for the same ones.
  let map: RowMap?
  /// One for each of B images; nil for 1.
  let factors: UnsafeMutableBufferPointer<Float>?

  package init(
    _ x: FloatMatrix, map: RowMap? = nil, factors: UnsafeMutableBufferPointer<Float>? = nil
  ) {
    (self.x, self.map, self.factors) = (x, map, factors)
  }

  /// Rows of an image.
  private var imageRows: Int { x.rows / max(factors?.count ?? 1, 1) }

  /// The factor of a row of x; nil for 1.
  func factor(_ source: Int) -> Float? { factors.map { $0[source / imageRows] } }
}

/// (x − mean)·rstd·weight + bias along rows, in an order of their own; rows of zeros are not normalized.
package struct NormTerms {
  /// [N, C].
  let x: FloatMatrix
  /// Which row becomes which; nil for the same ones.
  let map: RowMap?
  /// [1, C].
  let weight, bias: FloatMatrix
  let epsilon: Float
  /// [1, N] each, of the rows of x; they are written as x is read.
  let mean, rstd: FloatMatrix

  package init(
    _ x: FloatMatrix, map: RowMap? = nil, weight: FloatMatrix, bias: FloatMatrix, epsilon: Float,
    mean: FloatMatrix, rstd: FloatMatrix
  ) {
    (self.x, self.map) = (x, map)
    (self.weight, self.bias, self.epsilon) = (weight, bias, epsilon)
    (self.mean, self.rstd) = (mean, rstd)
  }
}
