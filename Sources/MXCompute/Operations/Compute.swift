import MXFormats
import MXRuntime

/// The arithmetic of a linear layer on whole tensors: the seam between what is computed and how.
///
/// Whoever computes says *what* in these operations and never touches a number. A value of this protocol says *how*: it
/// owns threads, slices, instruction sets and the layouts of operands. It is passed explicitly, so that two can live in
/// one process; every value gives the same bits.
///
/// An operation returns when it is done. What it needs for itself it takes from the arena that it is given, and gives
/// back.
package protocol Compute: Sendable {
  /// Threads at work. They change speed, never a bit.
  var threads: Int { get }
  /// What multiplies: an instruction set's name.
  var name: String { get }

  /// What a product reads of x, contracted along `axis`.
  ///
  /// - Parameters:
  ///   - x: rows × columns.
  ///   - averages: moving averages in the shape of x, for `Rounding.ema`; without them it is nearest rounding.
  ///   - axis: of the contraction, along which groups lie.
  ///   - encoding: what the product is to read.
  ///   - random: what stochastic rounding draws from.
  ///   - arena: where codes, or rounded numbers, are put.
  /// - Returns: the operand, and how many groups hold a NaN or an infinity.
  func encode(
    _ x: FloatMatrix, averages: FloatMatrix?, axis: GroupAxis, _ encoding: Encoding,
    random: RandomStream, arena: Arena
  ) -> (operand: Encoded, broken: Int)

  /// What up to two products read of the same x, one contracted along its rows and one along its columns, and `sums`
  /// [1, columns] += the sums over the rows of x. Where only codes are asked for, x is made while it is read, and goes
  /// through the cache once.
  ///
  /// - Parameters:
  ///   - rows: what is asked for along rows; nil for nothing.
  ///   - columns: the same along columns.
  ///   - sums: nil for none.
  ///   - arena: scratch, and where x is put if something else than codes is asked for.
  ///   - profile: where the time of its parts is added up.
  func encode(
    _ x: LazyMatrix, rows: OperandRequest?, columns: OperandRequest?,
    addingColumnSumsTo sums: FloatMatrix?, arena: Arena, profile: StepProfile?
  ) -> (rows: EncodedOperand?, columns: EncodedOperand?)

  /// y = x, in memory.
  ///
  /// - Parameters:
  ///   - y: [N, C]; it may be what x is made of, where that is as large.
  ///   - arena: scratch.
  ///   - profile: where the time of its parts is added up.
  func make(_ x: LazyMatrix, into y: FloatMatrix, arena: Arena, profile: StepProfile?)

  /// An operand once more, contracted along `axis`: of codes, what a quantizer makes of their values (double
  /// quantization).
  ///
  /// - Returns: as `encode`.
  func recode(
    _ operand: Encoded, axis: GroupAxis, _ encoding: Encoding, random: RandomStream, arena: Arena
  ) -> (operand: Encoded, broken: Int)

  /// The numbers of an operand [rows, columns], in the shape of the matrix that it was made of. Those of a broken group
  /// are NaN.
  ///
  /// - Precondition: codes lie along rows.
  func decode(_ operand: Encoded, into values: FloatMatrix)

  /// What a quantizer loses of x. Groups with a NaN or an infinity count as zeros.
  ///
  /// - Parameter arena: scratch.
  func losses(
    _ x: FloatMatrix, averages: FloatMatrix?, axis: GroupAxis, _ quantizer: QuantizerRecipe,
    random: RandomStream, arena: Arena
  ) -> QuantizerLosses

  /// c = Aᵒ·Bᵒᵀ + bias, where Mᵒ is M contracted along its rows, and Mᵀ contracted along its columns. Codes with codes
  /// are multiplied in integers, all else in single precision.
  ///
  /// - Parameters:
  ///   - a: the left operand.
  ///   - b: the right operand, of the same contraction.
  ///   - bias: [1, c.columns], added to every row; nil for none.
  ///   - c: overwritten, or added to.
  ///   - accumulates: whether c += the product instead; there is no bias then.
  ///   - arena: scratch.
  func product(
    _ a: Encoded, _ b: Encoded, bias: FloatMatrix?, into c: FloatMatrix, accumulates: Bool,
    arena: Arena)

  /// y = x·H, or y += x·H, where H = Hᵀ = H⁻¹ rotates along rows, without a change of signs; y may be x.
  func rotate(
    _ x: FloatMatrix, by rotation: QuantizerRecipe.Rotation, into y: FloatMatrix, adds: Bool)

  /// y [N, K] = the K columns of x at the places.
  func gatherColumns(
    of x: FloatMatrix, at places: UnsafeMutableBufferPointer<Int>, into y: FloatMatrix)
  /// The columns of y at the places = x [N, K], or that is added to them.
  func putColumns(
    _ x: FloatMatrix, at places: UnsafeMutableBufferPointer<Int>, of y: FloatMatrix, adds: Bool)
  /// norms [1, C] += the Euclidean norms of the columns of x, whose squares are added up in double precision.
  func addColumnNorms(of x: FloatMatrix, to norms: FloatMatrix)

  /// All elements become `value`.
  func fill(_ x: FloatMatrix, with value: Float)
  /// y = x.
  func copy(_ x: FloatMatrix, into y: FloatMatrix)
  /// y = x + y.
  func add(_ x: FloatMatrix, to y: FloatMatrix)
  /// x ·= factor; nothing happens where that is 1.
  func scale(_ x: FloatMatrix, by factor: Float)
}

extension Compute {
  /// What a product reads of x where no quantizer does.
  ///
  /// - Parameter arena: where rounded numbers are put.
  package func operand(
    _ x: FloatMatrix, axis: GroupAxis, _ precision: OperandPrecision, arena: Arena
  ) -> Encoded {
    // Nothing is drawn.
    encode(
      x, averages: nil, axis: axis, precision.encoding,
      random: RandomStream(seed: 0, purpose: .initialization, layer: 0), arena: arena
    ).operand
  }

  /// Some columns of x, in an arena.
  package func columns(
    of x: FloatMatrix, at places: UnsafeMutableBufferPointer<Int>, _ arena: Arena
  ) -> FloatMatrix {
    let part = arena.matrix(rows: x.rows, columns: places.count)
    gatherColumns(of: x, at: places, into: part)
    return part
  }

  /// What is lost of numbers that an operand is asked for; nil where that is not asked, or nothing rounds.
  func losses(
    _ x: FloatMatrix, axis: GroupAxis, _ request: OperandRequest, arena: Arena
  ) -> QuantizerLosses? {
    guard request.countsLosses, let quantizer = request.encoding.quantizer else { return nil }
    return losses(x, averages: nil, axis: axis, quantizer, random: request.random, arena: arena)
  }
}
