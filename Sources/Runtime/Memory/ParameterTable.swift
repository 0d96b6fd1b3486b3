/// Where a model's parameters lie in a flat buffer: name → offset, shape, and how they are treated.
///
/// Weights, gradients and moments are buffers of `count` numbers that share one table.
public struct ParameterTable: Sendable {
  /// One named tensor.
  public struct Entry: Sendable, Equatable {
    /// timm's name, for example "blocks.0.attn.qkv.weight".
    public let name: String
    /// Extents, slowest first.
    public let shape: [Int]
    /// The first element's place in the flat buffer.
    public let offset: Int
    /// Whether weight decay applies.
    public let decays: Bool
    /// Whether the linear layers quantize it.
    public let quantized: Bool

    /// The product of the extents.
    public var count: Int { shape.reduce(1, *) }
    /// The places it takes in the flat buffer.
    public var range: Range<Int> { offset..<offset + count }
  }

  /// The tensors in the order in which they were added.
  public private(set) var entries: [Entry] = []
  /// The length of the flat buffer.
  public private(set) var count = 0

  /// An empty table.
  public init() {}

  /// Adds a tensor behind those that are there, and returns its offset.
  public mutating func add(
    _ name: String, _ shape: [Int], decays: Bool, quantized: Bool = false
  ) -> Int {
    let entry = Entry(name: name, shape: shape, offset: count, decays: decays, quantized: quantized)
    entries.append(entry)
    count += entry.count
    return entry.offset
  }

  /// The tensors of a flat buffer, to be written; the buffer must outlive the writing.
  public func tensors(of buffer: AlignedBuffer<Float>, prefix: String = "") -> [OutgoingTensor] {
    precondition(buffer.count == count, "a buffer of \(buffer.count) for a table of \(count)")
    return entries.map { entry in
      .floats(
        prefix + entry.name, shape: entry.shape,
        UnsafeBufferPointer(start: buffer.base + entry.offset, count: entry.count))
    }
  }

  /// Fills a flat buffer from a file's tensors.
  ///
  /// - Throws: `SafetensorsError` where a tensor is missing or has another shape; where the file has
  ///   tensors under `prefix` that the table does not know, the first of them.
  public func load(
    from file: SafetensorsFile, into buffer: AlignedBuffer<Float>, prefix: String = ""
  ) throws {
    precondition(buffer.count == count, "a buffer of \(buffer.count) for a table of \(count)")
    for entry in entries {
      let values = try file.floats(prefix + entry.name, shape: entry.shape)
      values.withUnsafeBufferPointer {
        (buffer.base + entry.offset).update(from: $0.baseAddress!, count: entry.count)
      }
    }
    let known = Set(entries.map { prefix + $0.name })
    if let stranger = file.entries.first(where: {
      $0.name.hasPrefix(prefix) && !known.contains($0.name)
    }) {
      throw file.error(
        .unsuitable(
          tensor: stranger.name, type: "unknown", expected: "only the model's own tensors"))
    }
  }
}
