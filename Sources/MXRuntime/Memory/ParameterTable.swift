/// Where a model's parameters lie in a flat buffer: name → offset, shape, and how they are treated.
///
/// Weights, gradients and moments are buffers of `count` numbers that share one table.
package struct ParameterTable: Sendable {
  /// One named tensor.
  package struct Entry: Sendable, Equatable {
    /// timm's name, for example "blocks.0.attn.qkv.weight".
    package let name: String
    /// Extents, slowest first.
    package let shape: [Int]
    /// The first element's place in the flat buffer.
    package let offset: Int
    /// Whether weight decay applies.
    package let decays: Bool
    /// Whether the linear layers quantize it.
    package let quantized: Bool
    /// What it is before any training.
    package let initial: InitialValues
    /// The part of the model that it belongs to.
    package let part: Part

    /// The product of the extents.
    package var count: Int { shape.reduce(1, *) }
    /// The places it takes in the flat buffer.
    package var range: Range<Int> { offset..<offset + count }
    /// The tensor as a matrix: without leading extents of 1, the first extent by the product of the others; a vector is
    /// one row.
    package var parameter: Parameter {
      let extents = shape.drop { $0 == 1 }
      let columns = extents.count > 1 ? extents.dropFirst().reduce(1, *) : count
      return Parameter(offset: offset, rows: columns == 0 ? 0 : count / columns, columns: columns)
    }
  }

  /// A part of a model, as rates and names of parameters tell parts apart.
  package struct Part: Sendable, Equatable {
    /// The block, with which the names of its parameters begin; nil outside blocks.
    package let block: String?
    /// How many layers lie behind: 0 for the last norm and the head, 1 for the last block, and one more than there are
    /// blocks for the embedding.
    package let layersBehind: Int
    /// What the parameters are there for.
    package var role = Role.other

    /// A part.
    package init(block: String? = nil, layersBehind: Int = 0) {
      (self.block, self.layersBehind) = (block, layersBehind)
    }
  }

  /// What parameters are there for, as far as somebody treats them in a way of their own.
  package enum Role: Sendable {
    /// To make tokens of patches.
    case patches
    /// To tell where patches of the image's grid are.
    case positions
    /// To tell how far two tokens lie apart: a row for each offset.
    case offsets
    /// To scale a branch.
    case scales
    /// To make logits.
    case head
    /// To be subtracted from inputs: moving averages of them, which no optimizer moves. Their gradients' places have what they
    /// lack of the inputs of a step.
    case means
    /// To say which inputs of a layer are in a wide format, which no optimizer moves: [D], NAME.outlier_channels beside
    /// NAME.weight. Their gradients' places have how large the inputs of a step are, while that is counted.
    case channels
    /// All else.
    case other

    /// Whether an optimizer moves them.
    package var isLearned: Bool { self != .means && self != .channels }
  }

  /// The part of the model that tensors are added to.
  package var part = Part()
  /// The tensors in the order in which they were added.
  package private(set) var entries: [Entry] = []
  /// The length of the flat buffer.
  package private(set) var count = 0

  /// An empty table.
  package init() {}

  /// Adds a tensor behind those that are there, and returns where it lies.
  package mutating func add(
    _ name: String, _ shape: [Int], initial: InitialValues = .constant(0), decays: Bool,
    quantized: Bool = false
  ) -> Parameter {
    let entry = Entry(
      name: name, shape: shape, offset: count, decays: decays, quantized: quantized,
      initial: initial, part: part)
    entries.append(entry)
    count += entry.count
    return entry.parameter
  }

  /// Adds tensors that are there for something.
  package mutating func adding<Result>(
    _ role: Role, _ add: (inout ParameterTable) -> Result
  ) -> Result {
    part.role = role
    defer { part.role = .other }
    return add(&self)
  }

  /// The same places for what an optimizer moves: all but means of inputs and marks of channels.
  package var learned: ParameterTable {
    var table = self
    table.entries = entries.filter(\.part.role.isLearned)
    return table
  }

  /// How many numbers an optimizer moves.
  package var learnedCount: Int { learned.entries.reduce(0) { $0 + $1.count } }

  /// The marks of a layer's channels; nil where it has none.
  ///
  /// - Parameter weight: the entry of the layer's weight.
  package func channels(of weight: Entry) -> Parameter? {
    let name = weight.name.dropLast("weight".count) + "outlier_channels"
    return entries.first { $0.part.role == .channels && $0.name == name }?.parameter
  }

  /// Where each layer begins, from the last to the first: at place d the one that has d layers behind it.
  package var layers: [Int] {
    var starts: [Int] = []
    for entry in entries.reversed() {
      let depth = entry.part.layersBehind
      if depth == starts.count { starts.append(entry.offset) } else { starts[depth] = entry.offset }
    }
    return starts
  }

  /// The same places for the moving averages of the quantized tensors, which stand beside them in files as NAME.ema.
  package var averages: ParameterTable {
    var table = self
    table.entries = entries.filter(\.quantized).map { entry in
      Entry(
        name: entry.name + ".ema", shape: entry.shape, offset: entry.offset, decays: entry.decays,
        quantized: true, initial: entry.initial, part: entry.part)
    }
    return table
  }
}

/// Where a parameter lies in the flat buffers, as a matrix.
package struct Parameter: Sendable, Equatable {
  /// The place of the first element.
  package let offset: Int
  package let rows, columns: Int

  package init(offset: Int, rows: Int, columns: Int) {
    (self.offset, self.rows, self.columns) = (offset, rows, columns)
  }

  /// Two vectors of one length that lie behind each other, as two rows.
  package func joined(with next: Parameter) -> Parameter {
    precondition(
      rows == 1 && next.rows == 1 && next.columns == columns && next.offset == offset + columns,
      "vectors that do not lie behind each other")
    return Parameter(offset: offset, rows: 2, columns: columns)
  }
}

extension FloatMatrix {
  /// The numbers of a parameter in a flat buffer.
  package subscript(parameter: Parameter) -> FloatMatrix {
    precondition(
      parameter.offset + parameter.rows * parameter.columns <= count,
      "a parameter beyond a buffer of \(count)")
    return FloatMatrix(base + parameter.offset, rows: parameter.rows, columns: parameter.columns)
  }
}

extension AlignedBuffer<Float> {
  /// The numbers of a parameter.
  package subscript(parameter: Parameter) -> FloatMatrix { matrix()[parameter] }

  /// All numbers, in so many rows.
  package func matrix(rows: Int = 1) -> FloatMatrix {
    FloatMatrix(base, rows: 1, columns: count).reshaped(rows: rows)
  }
}
