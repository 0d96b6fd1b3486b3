import MXRuntime

extension CPU {
  package func attention(
    _ qkv: FloatMatrix, _ shape: AttentionShape, _ terms: ScoreTerms, into o: FloatMatrix,
    arena: Arena
  ) {
    forEachHead(qkv, shape, terms, arena) { head, row, column, _, scratch in
      kernels.attention(head, o: o.row(row) + column, scratch: scratch)
    }
  }

  package func attentionBackward(
    _ qkv: FloatMatrix, _ shape: AttentionShape, _ terms: ScoreTerms, dO: FloatMatrix,
    into dqkv: FloatMatrix, dBias: FloatMatrix?, arena: Arena
  ) {
    let (width, headWidth) = (shape.width, shape.width / shape.heads)
    arena.scratch {
      // Every slice of sequences adds up its own.
      let sums = dBias.map { dBias in
        let sums = arena.matrix(
          rows: slices(qkv, shape, terms).count, columns: dBias.count)
        fill(sums, with: 0)
        return sums
      }
      forEachHead(qkv, shape, terms, arena) { head, row, column, slice, scratch in
        var head = head
        head.dBias = sums.map { $0.row(slice) + column / headWidth * shape.tokens * shape.tokens }
        let dq = dqkv.row(row) + column
        kernels.attentionBackward(
          head, dOutput: dO.row(row) + column, dq: dq, dk: dq + width, dv: dq + 2 * width,
          scratch: scratch)
      }
      if let dBias, let sums {
        forRanges(dBias.count, length: shape.tokens * shape.tokens) { places in
          for place in places {
            var sum: Float = 0
            for slice in 0..<sums.rows { sum += sums.row(slice)[place] }
            dBias.base[place] = sum
          }
        }
      }
    }
  }

  /// Sequences that one slice takes, one after another: at most an eighth, and as many as are worth a hand-over to a thread;
  /// with a bias an eighth, so that its gradient has few partial sums. And how many slices there are.
  private func slices(
    _ qkv: FloatMatrix, _ shape: AttentionShape, _ terms: ScoreTerms
  ) -> (length: Int, count: Int) {
    let sequences = qkv.rows / shape.tokens
    let eighth = (sequences + 7) / 8
    let scores = max(1, shape.tokens * shape.tokens)
    let length = terms.bias == nil ? min(eighth, max(1, Self.scoresPerSlice / scores)) : eighth
    return (length, length == 0 ? 0 : (sequences + length - 1) / length)
  }

  /// Calls `body` for every head of every sequence, slices of sequences in parallel, with its first row and column in
  /// a [B·T, C] matrix, its slice, and scratch for the kernels.
  private func forEachHead(
    _ qkv: FloatMatrix, _ shape: AttentionShape, _ terms: ScoreTerms, _ arena: Arena,
    _ body: (
      _ head: Kernels.AttentionHead, _ row: Int, _ column: Int, _ slice: Int,
      UnsafeMutablePointer<Float>
    ) -> Void
  ) {
    let (tokens, width, heads) = (shape.tokens, shape.width, shape.heads)
    let headWidth = width / heads
    let scale = 1 / Float(headWidth).squareRoot()
    let need = (kernels.attentionScratch(tokens: tokens, width: headWidth) + 15) / 16 * 16
    let sequences = qkv.rows / tokens
    let (length, count) = slices(qkv, shape, terms)
    arena.scratch {
      let scratch = arena.allocate(threads * need)
      forEach(count * heads) { item, worker in
        let (slice, head) = item.quotientAndRemainder(dividingBy: heads)
        for sequence in slice * length..<min(slice * length + length, sequences) {
          let (row, column) = (sequence * tokens, head * headWidth)
          let q = UnsafePointer(qkv.row(row) + column)
          var view = Kernels.AttentionHead(
            q: q, k: q + width, v: q + 2 * width, stride: 3 * width, outputStride: width,
            tokens: tokens, width: headWidth, scale: scale, precision: shape.precision)
          view.bias = terms.bias.map { UnsafePointer($0.row(head)) }
          view.mask = terms.masks.map { UnsafePointer($0.row(sequence % $0.rows)) }
          body(view, row, column, slice, scratch + worker * need)
        }
      }
    }
  }
}
