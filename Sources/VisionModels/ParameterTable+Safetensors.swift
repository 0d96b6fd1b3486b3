import Files
import MXRuntime

extension ParameterTable {
  /// The tensors of a flat buffer, to be written; the buffer must outlive the writing.
  package func tensors(of buffer: AlignedBuffer<Float>, prefix: String = "") -> [OutgoingTensor] {
    precondition(buffer.count == count, "a buffer of \(buffer.count) for a table of \(count)")
    return entries.map { entry in
      .floats(
        prefix + entry.name, shape: entry.shape,
        UnsafeBufferPointer(rebasing: buffer.elements[entry.range]))
    }
  }

  /// Checks that a file has exactly the table's tensors, in their shapes, without reading them: whoever
  /// allocates buffers by a file's own word should ask this first. Moving averages of quantized tensors may be
  /// there too.
  ///
  /// - Parameters:
  ///   - prefix: what stands before each name in the file; tensors without it are ignored.
  ///   - others: what may be there, too, and is ignored.
  /// - Throws: `SafetensorsError` naming the first tensor that is missing, misshapen or unknown.
  package func check(
    _ file: some TensorSource, prefix: String = "", besides others: ParameterTable? = nil
  ) throws {
    for entry in entries {
      let found = try file.neededShape(of: prefix + entry.name)
      guard found == entry.shape else {
        throw file.error(
          .shape(tensor: prefix + entry.name, found: found, expected: entry.shape))
      }
    }
    let known = Set(
      (entries + averages.entries + (others?.entries ?? [])).map { prefix + $0.name })
    let stranger = file.tensorNames.first { $0.hasPrefix(prefix) && !known.contains($0) }
    if let stranger { throw file.error(.stranger(tensor: stranger)) }
  }

  /// The flat buffer that a file's tensors make.
  ///
  /// - Throws: as `check`, before anything is allocated; `SafetensorsError.Fault.notFinite`.
  package func read(
    from file: some TensorSource, prefix: String = "", besides others: ParameterTable? = nil
  ) throws -> AlignedBuffer<Float> {
    try check(file, prefix: prefix, besides: others)
    let buffer = AlignedBuffer<Float>(count: count)
    try fill(buffer, from: file, prefix: prefix, finite: true)
    return buffer
  }

  /// The moving averages of the quantized tensors in a file; nil where it has none.
  ///
  /// - Throws: `SafetensorsError` where only some are there, or of another shape.
  package func readAverages(
    from file: some TensorSource, prefix: String = ""
  ) throws -> AlignedBuffer<Float>? {
    let table = averages
    guard table.entries.contains(where: { file.shape(of: prefix + $0.name) != nil }) else {
      return nil
    }
    let buffer = AlignedBuffer<Float>(count: count)
    try table.fill(buffer, from: file, prefix: prefix, finite: true)
    return buffer
  }

  /// Fills a flat buffer from a file's tensors.
  ///
  /// - Throws: as `check`, before anything is written.
  package func load(
    from file: some TensorSource, into buffer: AlignedBuffer<Float>, prefix: String = ""
  ) throws {
    precondition(buffer.count == count, "a buffer of \(buffer.count) for a table of \(count)")
    try check(file, prefix: prefix)
    // A training that has broken down is resumed to say so at the step where it does.
    try fill(buffer, from: file, prefix: prefix, finite: false)
  }

  private func fill(
    _ buffer: AlignedBuffer<Float>, from file: some TensorSource, prefix: String,
    finite: Bool
  ) throws {
    for entry in entries {
      let name = prefix + entry.name
      let values =
        finite
        ? try file.finiteFloats(name, shape: entry.shape)
        : try file.floats(name, shape: entry.shape)
      _ = buffer.elements[entry.range].update(fromContentsOf: values)
    }
  }
}
