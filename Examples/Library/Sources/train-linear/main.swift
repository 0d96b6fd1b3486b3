// Trains a 4-bit linear layer to give zeros: the loss is half the sum of the squares of what it gives.
import MXCompute
import MXLinear
import MXRuntime

let cpu = try CPU()
let layer = Linear(name: "layer", index: 0, inputs: 64, outputs: 32, recipe: .tetrajet)
let (memory, workspace) = (Arena(), Workspace())
let random = RandomStream(seed: 1, purpose: .initialization)
let x = memory.matrix(rows: 256, columns: 64) { random.normal($0) }
let w = memory.matrix(rows: 32, columns: 64) { 0.1 * random.normal($0) }
let b = memory.matrix(rows: 1, columns: 32) { _ in 0 }
let y = memory.matrix(rows: 256, columns: 32)
let dx = memory.matrix(rows: 256, columns: 64)
for step in 0..<10 {
  try workspace.frame {
    let (scratch, parameters) = (workspace.scratch, Linear.Parameters(weight: w, bias: b))
    let context = StepContext(cpu, seed: 1, step: step)
    let saved = try layer.forward(x, parameters, y: y, workspace: workspace, context: context)
    print("step \(step): \(y.elements.reduce(0) { $0 + $1 * $1 } / 2)")
    let dw = scratch.matrix(rows: 32, columns: 64) { _ in 0 }
    let db = scratch.matrix(rows: 1, columns: 32) { _ in 0 }
    try layer.backward(
      dy: y, saved, parameters, dx: dx, gradients: .init(weight: dw, bias: db), arena: scratch,
      context: context)
    for place in 0..<w.count { w.elements[place] -= 1e-3 * dw.elements[place] }
  }
}
