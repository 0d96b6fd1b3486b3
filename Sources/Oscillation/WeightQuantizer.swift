import MXCompute
import MXFormats
import MXRuntime

/// Q2 on all weights of a model at once, as the forward pass applies it layer by layer.
///
/// Where Q2 is off (in full precision, say) it is the one that TetraJet would have, so that runs can be compared.
/// Where it rounds stochastically, its values move without the weights moving: nearest rounding stands in.
package struct WeightQuantizer: Sendable {
  /// The tensors that the linear layers quantize.
  package let entries: [ParameterTable.Entry]
  /// Format, scale rule and rounding.
  package let recipe: QuantizerRecipe
  /// The length of the flat buffers.
  package let count: Int
  /// The weights of all tensors, in runs that are a thread's work.
  let slices: [Range<Int>]
  /// Which of them are each tensor's, in the order of `entries`.
  let slicesOfEntries: [Range<Int>]
  /// Where each tensor and its scales lie, in the order of `entries`.
  let tensors: [QuantizedTensor]
  /// How many groups they have.
  package let groupCount: Int
  /// Which inputs of each tensor's layer are in a wide format, in the order of `entries`; nil where none can be.
  private let channels: [Parameter?]

  /// The quantizer of a model's weights; `q2` is nil where Q2 is off.
  package init(_ table: ParameterTable, _ q2: QuantizerRecipe?) {
    entries = table.entries.filter(\.quantized)
    var quantizer = q2 ?? QuantizerRecipe()
    if quantizer.rounding == .stochastic { quantizer.rounding = .nearestEven }
    self.recipe = quantizer
    count = table.count
    channels = entries.map(table.channels)
    let length = 1 << 15
    let slicesByEntry = entries.map { entry in
      stride(from: entry.range.lowerBound, to: entry.range.upperBound, by: length).map {
        $0..<min($0 + length, entry.range.upperBound)
      }
    }
    slices = Array(slicesByEntry.joined())
    var end = 0
    slicesOfEntries = slicesByEntry.map { own in
      defer { end += own.count }
      return end..<end + own.count
    }
    var groups = 0
    let format = recipe.format
    tensors = entries.map { entry in
      let tensor = QuantizedTensor(
        offset: entry.offset, scaleOffset: groups, rows: entry.shape[0], columns: entry.shape[1],
        format: format)
      groups += tensor.rows * tensor.groups
      return tensor
    }
    groupCount = groups
  }

  /// Whether the scales that `quantize` gives are those of neighbours in every tensor.
  package var tellsUnits: Bool { channels.allSatisfy { $0 == nil } }
  /// Whether scales are powers of two, which their bytes tell.
  var hasPowers: Bool { recipe.format.scale == .e8m0 }

  /// How many weights are quantized.
  package var weightCount: Int { entries.reduce(0) { $0 + $1.count } }

  /// Q2 of all weights. Those of channels in a wide format, once these are chosen, stand for themselves: nothing of four bits
  /// oscillates there.
  ///
  /// - Parameters:
  ///   - averages: the moving averages of the weights, for `Rounding.ema`; nil where none is in use, which makes it
  ///     nearest rounding.
  ///   - values: `count` numbers; gets W_Q in the layout of the weights; other tensors' places are left alone.
  ///   - scales: `groupCount` bytes; gets scale bytes, row by row, tensor behind tensor, but of tensors with wide channels.
  ///   - units: the same of the scales themselves, outer ones included.
  package func quantize(
    _ weights: AlignedBuffer<Float>, averages: AlignedBuffer<Float>?,
    into values: FloatMatrix, scales: AlignedBuffer<UInt8>? = nil,
    units: AlignedBuffer<Float>? = nil, by compute: any TrainingCompute, arena: Arena
  ) {
    for (index, (entry, tensor)) in zip(entries, tensors).enumerated() {
      arena.scratch {
        if let channels = channels[index], let split = split(weights[channels], arena) {
          quantize(
            weights[entry.parameter], averages: averages?[entry.parameter], split,
            into: values[entry.parameter], by: compute, arena: arena)
          return
        }
        // A NaN needs no report here: the forward pass that follows names it.
        let codes = compute.encode(
          weights[entry.parameter], averages: averages?[entry.parameter], axis: .rows,
          .codes(recipe), random: RandomStream(seed: 0, purpose: .q2), arena: arena
        ).operand
        compute.decode(codes, into: values[entry.parameter])
        if let scales { compute.copyScales(of: codes, into: scales, at: tensor.scaleOffset) }
        if let units { compute.copyUnits(of: codes, into: units, at: tensor.scaleOffset) }
      }
    }
  }

  /// The channels of both kinds; nil where none has been chosen.
  private func split(_ channels: FloatMatrix, _ arena: Arena) -> ChannelSplit? {
    let chosen = channels.elements.count { $0 > 0 }
    return chosen > 0 ? ChannelSplit(channels, count: chosen, arena) : nil
  }

  /// Q2 of one tensor's narrow channels, and the weights of the others.
  private func quantize(
    _ weights: FloatMatrix, averages: FloatMatrix?, _ split: ChannelSplit,
    into values: FloatMatrix, by compute: any TrainingCompute, arena: Arena
  ) {
    compute.copy(weights, into: values)
    let part = compute.columns(of: weights, at: split.narrow, arena)
    let codes = compute.encode(
      part, averages: averages.map { compute.columns(of: $0, at: split.narrow, arena) },
      axis: .rows, .codes(recipe),
      random: RandomStream(seed: 0, purpose: .q2), arena: arena
    ).operand
    compute.decode(codes, into: part)
    compute.putColumns(part, at: split.narrow, of: values, adds: false)
  }

  /// A tensor's weights in four bits, as confidence is asked for: those of wide channels left out.
  ///
  /// - Parameter index: of the tensor in `entries`.
  func narrow(
    _ index: Int, of weights: AlignedBuffer<Float>, by compute: any TrainingCompute, arena: Arena
  ) -> FloatMatrix {
    let all = weights[entries[index].parameter]
    guard let channels = channels[index], let split = split(weights[channels], arena) else {
      return all
    }
    return compute.columns(of: all, at: split.narrow, arena)
  }

  /// The weights as the quantizer reads them: as they are, or rotated.
  ///
  /// - Parameter memory: where rotated ones are put; other tensors' places are left alone. Nil where nothing is rotated.
  package func latent(
    _ weights: AlignedBuffer<Float>, memory: AlignedBuffer<Float>?, by compute: any TrainingCompute
  ) -> AlignedBuffer<Float> {
    guard let memory, let rotation = recipe.rotation else { return weights }
    for entry in entries {
      compute.rotate(
        weights[entry.parameter], by: rotation, into: memory[entry.parameter], adds: false)
    }
    return memory
  }

  /// Memory for `latent`; nil where none is needed.
  package func latentMemory() -> AlignedBuffer<Float>? {
    recipe.rotation != nil ? AlignedBuffer(count: count) : nil
  }

  /// Where one of the quantized weights lies.
  struct Location {
    let name: String
    let row, column: Int
    /// Its place in the flat buffer, and that of its scale.
    let place, scale: Int
  }

  /// Where quantized weight `index` lies, counted over all tensors.
  func location(_ index: Int) -> Location {
    var index = index
    for (entry, tensor) in zip(entries, tensors) {
      guard index >= entry.count else {
        let (row, column) = index.quotientAndRemainder(dividingBy: tensor.columns)
        return Location(
          name: entry.name, row: row, column: column, place: tensor.offset + index,
          scale: tensor.scalePlace(row: row, column: column))
      }
      index -= entry.count
    }
    preconditionFailure("\(index) beyond the last weight")
  }
}
