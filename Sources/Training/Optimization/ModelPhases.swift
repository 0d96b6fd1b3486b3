import VisionModels

/// A model through a training: of the same parameters in every step, with the quantizers that are on in it.
struct ModelPhases {
  private let phases: [(start: Int, model: VisionModel)]
  /// The same with inputs as they are.
  private let withFullInputs: [VisionModel]

  /// The model of a recipe, in a training of so many steps.
  ///
  /// - Throws: `ModelError`.
  init(_ recipe: Recipe, steps: Int) throws {
    let parts = recipe.phases(steps: steps)
    phases = try parts.map {
      ($0, try VisionModel(recipe.model, recipe: $1, engine: recipe.engine))
    }
    withFullInputs = try parts.map { part in
      var linear = part.linear
      linear[.q1] = nil
      return try VisionModel(recipe.model, recipe: linear, engine: recipe.engine)
    }
  }

  /// The model of a step; behind the last one, that of the last one.
  subscript(step: Int) -> VisionModel { phases[index(of: step)].model }

  /// The same without Q1.
  func withFullInputs(_ step: Int) -> VisionModel { withFullInputs[index(of: step)] }

  private func index(of step: Int) -> Int { phases.lastIndex { $0.start <= step } ?? 0 }
}
