import Exchange
import Files
import MXFormats

/// A 4-bit tensor of a file.
struct PackedTensor {
  /// The tensor of the file that holds its codes, and those that hold its scales where they lie apart.
  let codes: String, scales: [String]
  /// Its extents, which metadata know better than blocks: their last group may be a short one.
  let shape: [Int]
  /// Reads codes and scales, of a way to quantize.
  let matrix: (StoredQuantization) throws -> PackedMatrix

  /// A tensor of a GGUF file, in MXFP4.
  init(_ entry: GGUFEntry, in file: GGUFReader) {
    let name = entry.name
    (codes, scales, shape) = (name, [], entry.shape)
    matrix = { _ in
      guard let matrix = try file.codes(name) else {
        preconditionFailure("\(name) is not in MXFP4")
      }
      return matrix
    }
  }

  /// - Throws: `SafetensorsError` where codes and scales do not go together.
  init(
    _ name: String, _ style: PackedStyle, _ codes: TensorEntry, _ stored: StoredQuantization,
    in file: SafetensorsFile
  ) throws {
    let format = stored.recipe.format
    let wanted = style.codes(blockSize: PackedMatrix.blockSize(format))
    let last = codes.shape.last ?? 0
    guard codes.type == wanted.type, codes.shape.count == wanted.rank, last > 0,
      wanted.rank == 3 ? last == wanted.extent : last.isMultiple(of: wanted.extent)
    else {
      throw file.error(
        .unsuitable(
          tensor: codes.name, type: "\(codes.type.rawValue) \(codes.shape)", expected: wanted.text))
    }
    let (lanes, groups) = (codes.shape[0], wanted.rank == 3 ? codes.shape[1] : last / wanted.extent)
    self.codes = codes.name
    let scales = style.scales(of: name), outerScale = style.outerScale(of: name)
    self.scales = format.outerScale == .none ? [scales] : [scales, outerScale]
    guard let found = file[scales] else {
      throw file.error(
        .missing(tensor: scales, nearest: nearestName(to: scales, among: file.tensorNames)))
    }
    guard found.type == style.scaleType(format), found.shape == [lanes, groups] else {
      throw file.error(.shape(tensor: scales, found: found.shape, expected: [lanes, groups]))
    }
    let outer =
      format.outerScale == .none
      ? 1 : try style.outerScale(of: name, exactly: stored.outerScales[name], in: file)
    let (longest, overflow) = groups.multipliedReportingOverflow(by: format.groupSize)
    let isByRow = stored.axis == .rows
    let full = isByRow ? [lanes, longest] : [longest, lanes]
    let shape = stored.shapes[name] ?? full
    let lane = isByRow ? 0 : 1
    guard !overflow, codes.count > 0, shape.count == 2, shape[lane] == lanes,
      (longest - format.groupSize + 1...longest).contains(shape[1 - lane])
    else { throw file.error(.shape(tensor: codes.name, found: codes.shape, expected: shape)) }
    self.shape = shape
    matrix = { stored in
      PackedMatrix(
        format: stored.recipe.format, lanes: lanes, blocks: try file.bytes(codes.name),
        scales: try file.bytes(scales), outerScale: outer)
    }
  }
}

extension PackedStyle {
  /// The outer scale of a tensor.
  ///
  /// - Parameter exactly: what it was made of, if the file says so: the file's number may lack its last place.
  /// - Throws: `SafetensorsError` where it is missing, not one number, or not a positive one.
  func outerScale(
    of name: String, exactly: Float?, in file: some TensorFile
  ) throws -> Float {
    let tensor = outerScale(of: name)
    guard let shape = file.shape(of: tensor) else {
      throw file.error(
        .missing(tensor: tensor, nearest: nearestName(to: tensor, among: file.tensorNames)))
    }
    guard shape.allSatisfy({ $0 == 1 }) else {
      throw file.error(.shape(tensor: tensor, found: shape, expected: [1]))
    }
    let number = try file.floats(tensor, shape: shape)[0]
    // A reciprocal's reciprocal is the number again, but for a rounding.
    var outerScale = stored(outerScale: number)
    if let exactly, stored(outerScale: exactly) == number { outerScale = exactly }
    guard outerScale > 0, outerScale.isFinite else {
      throw file.error(.value(tensor: tensor, found: number, expected: "a positive number"))
    }
    return outerScale
  }
}
