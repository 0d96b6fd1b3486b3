import MXCompute
import MXFormats
import MXLinear
import MXRuntime

extension Benchmarks {
  /// The three products of every kind of linear layer, from operands that are ready quantized.
  ///
  /// Under the packed engine the operands are packed codes, where their format is packed. The processor's peak, of dot products of
  /// bytes or of multiply-adds in single precision, is measured in turn with every product.
  package func products(_ report: (BenchmarkResult) throws -> Void) throws {
    for layer in shape.layerShapes {
      let (n, d, c) = (batch * layer.rows, layer.inputs, layer.outputs)
      let (x, w, dy) = (sample(n, d, seed: 1), sample(c, d, seed: 2), sample(n, c, seed: 3))
      let bias = sample(1, c, seed: 4)
      let out = sample(max(n, c), max(c, d), seed: 5)
      for product in LinearProduct.allCases {
        let body = multiplication(product, x, w, dy, bias: bias, out: out)
        var (seconds, peaks): ([Double], [Double]) = ([], [])
        for repetition in 0..<repeats + 2 {
          let peak = peak()
          let time = secondsOf(body)
          // The first two warm up.
          if repetition >= 2 {
            seconds.append(time)
            peaks.append(peak)
          }
        }
        let time = median(seconds)
        let gops = 2 * Double(n) * Double(d) * Double(c) / time / 1e9
        var line = line("gemm")
        line.add("engine", engine.rawValue)
        line.add("layer", layer.name)
        line.add("product", product.rawValue)
        line.add("n", n)
        line.add("d", d)
        line.add("c", c)
        line.add("blocks", layer.count)
        line.add("gops", gops)
        let share = median(zip(seconds, peaks).map { 2e-9 * Double(n * d * c) / $0 / $1 })
        line.add("peak_gops", median(peaks))
        line.add("share_of_peak", share)
        try report(
          result(
            line, time, text: "\(layer.name) \(product.rawValue) [\(n), \(d), \(c)]",
            rate:
              "\(twoDigits(gops)) gops, \(twoDigits(share)) of the peak of \(twoDigits(median(peaks)))"
          ))
      }
    }
  }

  /// Whether operands are codes.
  private var isPacked: Bool { engine == .packed && format?.isPackable != false }

  /// The peak of the engine's multiply-adds on all threads together, in 10⁹ operations a second.
  private func peak() -> Double {
    let iterations = 400_000
    let start = ContinuousClock.now
    parallelFor(cpu.threads, threads: cpu.threads) { _ in
      _ = cpu.kernels.peak(ofCodes: isPacked, iterations: iterations)
    }
    let seconds = start.duration(to: .now).inSeconds
    return cpu.kernels.peak(ofCodes: isPacked, iterations: 1)
      * Double(iterations * cpu.threads) / seconds / 1e9
  }

  private func multiplication(
    _ product: LinearProduct, _ x: Sample, _ w: Sample, _ dy: Sample, bias: Sample,
    out: Sample
  ) -> () -> Void {
    let arena = Arena(chunkCount: 1 << 20)
    let (a, b) = product.operands
    func operand(_ operand: Operand, _ sample: Sample) -> Encoded {
      cpu.encode(
        sample.matrix, averages: nil, axis: operand.axis,
        isPacked ? .codes(QuantizerRecipe(format: format ?? .mxfp4)) : .exact,
        random: RandomStream(seed: 0, purpose: .benchmark), arena: arena
      ).operand
    }
    let left = operand(a, product == .y ? x : dy)
    let right = operand(b, product == .dw ? x : w)
    let rows = product == .dw ? w.matrix.rows : x.matrix.rows
    let columns = product == .y ? w.matrix.rows : x.matrix.columns
    let c = out.matrix.reshaped(rows: 1)[Parameter(offset: 0, rows: rows, columns: columns)]
    return {
      // Operands and result are views on the samples.
      withExtendedLifetime((x, w, dy, bias, out)) {
        cpu.product(
          left, right, bias: product == .y ? bias.matrix : nil, into: c,
          // As in training, but for the packed product's addition, which is none of the product's.
          accumulates: product == .dw && engine == .simulated, arena: arena)
      }
    }
  }
}
