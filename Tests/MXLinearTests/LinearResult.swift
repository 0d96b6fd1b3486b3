import MXLinear
import MXRuntime
import TestSupport

/// The four results of a linear layer, forward and backward.
struct LinearResult {
  var y: [Float]
  var dx: [Float]
  var dw: [Float]
  var db: [Float]
  /// What μ lacks of the mean of X; empty without μ.
  var distance: [Float] = []
  /// What was counted of channels; empty without any.
  var norms: [Float] = []

  init(
    x: [Float], w: [Float], b: [Float], dy: [Float], ema: [Float]? = nil, mean: [Float]? = nil,
    channels: [Float]? = nil,
    n: Int, d: Int, c: Int, recipe: LinearRecipe, engine: Engine,
    context: StepContext = StepContext(cpu)
  ) throws {
    let linear = Linear(
      name: "test", index: 3, inputs: d, outputs: c, recipe: recipe, engine: engine)
    let workspace = Workspace(chunkCount: 1 << 12)
    let (input, dyOwned) = (Owned(x, rows: n, columns: d), Owned(dy, rows: n, columns: c))
    let (y, dx) = (Owned(rows: n, columns: c), Owned(rows: n, columns: d))
    let (dw, db) = (Owned(rows: c, columns: d), Owned(rows: 1, columns: c))
    let (weight, bias) = (Owned(w, rows: c, columns: d), Owned(b, rows: 1, columns: c))
    let average = ema.map { Owned($0, rows: c, columns: d) }
    let mean = mean.map { Owned($0, rows: 1, columns: d) }
    let distance = mean.map { _ in Owned(rows: 1, columns: d) }
    let marks = channels.map { Owned($0, rows: 1, columns: d) }
    let norms = channels.map { _ in Owned(rows: 1, columns: d) }
    let parameters = Linear.Parameters(
      weight: weight.matrix, bias: bias.matrix, weightAverages: average?.matrix,
      inputMean: mean?.matrix, channels: marks?.matrix)
    // What is saved may point to x, and `parameters` points to the rest.
    try withExtendedLifetime((input, weight, bias, average, mean, marks)) {
      let saved = try linear.forward(
        input.matrix, parameters, y: y.matrix, workspace: workspace, context: context)
      try linear.backward(
        dy: dyOwned.matrix, saved, parameters, dx: dx.matrix,
        gradients: Linear.Gradients(
          weight: dw.matrix, bias: db.matrix, inputMean: distance?.matrix,
          channels: norms?.matrix),
        arena: workspace.scratch, context: context)
    }
    (self.y, self.dx, self.dw, self.db) = (y.values, dx.values, dw.values, db.values)
    self.distance = distance?.values ?? []
    self.norms = norms?.values ?? []
  }

  /// The results by name.
  var all: [(name: String, values: [Float])] {
    [("y", y), ("dx", dx), ("dw", dw), ("db", db)]
  }
}
