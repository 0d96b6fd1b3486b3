import MXRuntime

// Shapes: N rows, C channels.

/// Numbers that an operation makes while they are read: what only a quantizer reads need not lie in memory.
package enum LazyMatrix {
  /// Those that lie in memory, or a product.
  case numbers(Numbers)
  /// Rows in another order, times factors.
  case rows(RowTerms)
  /// Layer norm.
  case layerNorm(NormTerms)
  /// x·Φ(x).
  case gelu(Numbers)
  /// dy·(Φ(x) + x·φ(x)): the gradient of GELU at x. Where dy lies in memory, it may be overwritten.
  case geluGradient(x: Numbers, dy: Numbers)

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
    switch self {
    case .numbers(let x), .gelu(let x), .geluGradient(x: _, let x): x.shape
    case .rows(let terms): (terms.map.rows(terms.x.rows), terms.x.columns)
    case .layerNorm(let terms): (terms.map.rows(terms.x.rows), terms.x.columns)
    }
  }

  /// Memory of its size that it is made of and that it may be put into; nil for none.
  var overwritable: FloatMatrix? {
    if case .geluGradient(_, .matrix(let dy)) = self { dy } else { nil }
  }

  /// Whether its tiles can be made one by one: not of a product of codes with numbers.
  var isMadeInTiles: Bool {
    switch self {
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
