import MXLinear
import Runtime

extension Benchmarks {
  /// The three products of every kind of linear layer, from operands that are ready quantized.
  ///
  /// Under the packed engine the operands are packed 4-bit codes, and the processor's dot-product peak is
  /// measured in turn with every product.
  public func products(_ report: (BenchmarkResult) throws -> Void) throws {
    for layer in shape.layerShapes {
      let (n, d, c) = (batch * layer.rows, layer.inputs, layer.outputs)
      let (x, w, dy) = (Sample(n, d, seed: 1), Sample(c, d, seed: 2), Sample(n, c, seed: 3))
      let bias = Sample(1, c, seed: 4)
      let out = Sample(max(n, c), max(c, d), seed: 5)
      for product in LinearProduct.allCases {
        let body =
          engine == .packed
          ? packed(product, x, w, dy, bias: bias, out: out.buffer)
          : simulated(product, x, w, dy, bias: bias, out: out.buffer)
        var (seconds, peaks): ([Double], [Double]) = ([], [])
        for repetition in 0..<repeats + 2 {
          let peak = engine == .packed ? dotProductPeak() : 0
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
        line.add("gops", gops)
        var rate = "\(twoDigits(gops)) gops"
        if engine == .packed {
          let share = median(zip(seconds, peaks).map { 2e-9 * Double(n * d * c) / $0 / $1 })
          line.add("peak_gops", median(peaks))
          line.add("share_of_peak", share)
          rate += ", \(twoDigits(share)) of the peak of \(twoDigits(median(peaks)))"
        }
        try report(
          result(
            line, time, text: "\(layer.name) \(product.rawValue) [\(n), \(d), \(c)]", rate: rate))
      }
    }
  }

  /// The dot-product peak of all threads together, in 10⁹ operations a second.
  private func dotProductPeak() -> Double {
    let iterations = 400_000
    let kernels = Kernels.current
    let start = ContinuousClock.now
    parallelFor(Threads.count) { _ in _ = kernels.dotProductPeak(iterations: iterations) }
    let seconds = start.duration(to: .now).inSeconds
    return kernels.dotProductPeak(iterations: 1) * Double(iterations * Threads.count) / seconds
      / 1e9
  }

  private func packed(
    _ product: LinearProduct, _ x: Sample, _ w: Sample, _ dy: Sample, bias: Sample,
    out: AlignedBuffer<Float>
  ) -> () -> Void {
    let arena = Arena(chunkCount: 1 << 20)
    let (a, b) = product.operands
    let left = (product == .y ? x : dy).quantized(a.axis)
    let right = (product == .dw ? x : w).quantized(b.axis)
    let c = FloatMatrix(out.base, rows: left.lanes, columns: right.lanes)
    return {
      left.product(
        right, bias: product == .y ? UnsafePointer(bias.matrix.base) : nil, into: c, arena: arena)
    }
  }

  private func simulated(
    _ product: LinearProduct, _ x: Sample, _ w: Sample, _ dy: Sample, bias: Sample,
    out: AlignedBuffer<Float>
  ) -> () -> Void {
    let (n, d, c) = (x.matrix.rows, x.matrix.columns, w.matrix.rows)
    return switch product {
    case .y:
      {
        SimulatedProducts.forward(
          x.matrix, w.matrix, bias: bias.matrix.base, y: FloatMatrix(out.base, rows: n, columns: c))
      }
    case .dx:
      {
        SimulatedProducts.inputGradient(
          dy.matrix, w.matrix, dx: FloatMatrix(out.base, rows: n, columns: d))
      }
    case .dw:
      {
        SimulatedProducts.weightGradient(
          dy.matrix, x.matrix, dw: FloatMatrix(out.base, rows: c, columns: d))
      }
    }
  }
}
