// multiply-matrices FOLDER: quantizes two matrices to real 4-bit numbers, multiplies them, and saves the second in the
// layout of published MXFP4 checkpoints.
import Foundation
import MXCompute
import MXFormats

let cpu = try CPU()
let x = (0..<197 * 192).map { Float($0 % 13) - 6 }
let w = (0..<576 * 192).map { Float($0 % 7) - 3 }
let a = try MXMatrix(quantizing: x.span, rows: 197, columns: 192, on: cpu)
let b = try MXMatrix(quantizing: w.span, rows: 576, columns: 192, on: cpu)
let y = a.product(b, on: cpu)  // x·wᵀ, 197 × 576, in integers
guard y == referenceProduct(a.quantized, b.quantized) else {
  print("the product has other bits than its definition")
  exit(1)
}

let published = PackedMatrix(packing: b.quantized)
let folder = URL(fileURLWithPath: CommandLine.arguments.dropFirst().first ?? ".")
try Data(published.blocks).write(to: folder.appending(path: "w_blocks"))
try Data(published.scales).write(to: folder.appending(path: "w_scales"))
print("\(b.byteCount) bytes for \(w.count) numbers; y[0] = \(y[0])")
