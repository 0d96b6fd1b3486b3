import Files
import MXLinear

extension LinearRecipe {
  /// What "engine" says in JSON: `packed` or `simulated` where all three products agree, or `mixed` with
  /// the engine of each product beside it.
  package func addEngines(asked engine: Engine, to line: inout JSONLine) {
    line.add("engine", engineName(asked: engine))
    guard Set(LinearProduct.allCases.map { self.engine(of: $0, asked: engine) }).count > 1 else {
      return
    }
    for product in LinearProduct.allCases {
      line.add("engine_\(product.rawValue)", self.engine(of: product, asked: engine).rawValue)
    }
  }
}
