/// Counts the products of linear layers by the engine that computed them, over all layers of the steps that it is
/// given to.
package final class ProductCensus {
  private var counts: [LinearProduct: [Engine: Int]] = [:]

  /// Nothing counted yet.
  package init() {}

  /// How many of a product an engine computed so far. An output that the backward pass computes again counts again.
  package subscript(product: LinearProduct, engine: Engine) -> Int { counts[product]?[engine] ?? 0 }

  /// How many products an engine computed so far.
  package subscript(engine: Engine) -> Int {
    LinearProduct.allCases.reduce(0) { $0 + self[$1, engine] }
  }

  func count(_ product: LinearProduct, _ engine: Engine) {
    counts[product, default: [:]][engine, default: 0] += 1
  }
}
