import MXFormats
import MXRuntime

// Shapes: N rows, C channels, B images, T tokens, H heads. A matrix is row-major.

/// The rest of what a training computes: layers, loss, optimizer, and what watches and calms the weights. Models,
/// optimizer, remedies and statistics are written in these operations alone.
package protocol TrainingCompute: Compute, LayerOperations, RowOperations, OptimizerOperations,
  OscillationOperations
{
  /// The same, which takes the same memory of arenas and computes nothing: what it writes stays as it is, and what it
  /// returns is 0. For dry runs (`MemoryLedger`).
  var dry: any TrainingCompute { get }
}

/// What lies between the products of a transformer.
package protocol LayerOperations {
  /// dx += the gradient of layer norm by x; `gradients` [2, C] += those of weight and bias.
  ///
  /// - Parameter map: which row of dy is that of a row of x; nil for the same one.
  func layerNormBackward(
    _ x: FloatMatrix, weight: FloatMatrix, mean: FloatMatrix, rstd: FloatMatrix, dy: FloatMatrix,
    map: RowMap?, addingTo dx: FloatMatrix, gradients: FloatMatrix, arena: Arena)

  /// o [B·T, C] = softmax(Q·Kᵀ/√K + bias + mask)·V of every head of every sequence in qkv [B·T, 3·C].
  func attention(
    _ qkv: FloatMatrix, _ shape: AttentionShape, _ terms: ScoreTerms, into o: FloatMatrix,
    arena: Arena)
  /// The gradient of qkv, given that of o; the probabilities are computed again.
  ///
  /// - Parameter dBias: [H, T·T], overwritten by the gradient of the bias, where there is one.
  func attentionBackward(
    _ qkv: FloatMatrix, _ shape: AttentionShape, _ terms: ScoreTerms, dO: FloatMatrix,
    into dqkv: FloatMatrix, dBias: FloatMatrix?, arena: Arena)

  /// Every patch of every image times the weight [C, L], plus the bias [1, C]: images [B, channels·size·size] → y [B·P, C].
  func projectPatches(
    _ images: FloatMatrix, _ grid: PatchGrid, weight: FloatMatrix, bias: FloatMatrix,
    into y: FloatMatrix, arena: Arena)
  /// `dWeight` and `dBias` += their gradients, given that of y. Images have none.
  func projectPatchesBackward(
    _ images: FloatMatrix, _ grid: PatchGrid, dy: FloatMatrix, dWeight: FloatMatrix,
    dBias: FloatMatrix, arena: Arena)

  /// The cross entropy of logits [B, K] with their targets; `gradient` [B, K] gets that of the mean, where given.
  func crossEntropy(
    _ logits: FloatMatrix, _ targets: Targets, gradient: FloatMatrix?
  ) -> BatchScore
}

/// Rows that move, and sums of rows and elements.
package protocol RowOperations {
  /// The rows of y, image by image, are the rows of x that the map names, or zeros.
  func gather(_ x: FloatMatrix, _ map: RowMap, into y: FloatMatrix)
  /// y [H, places.count] = the rows of a table [R, H] at the places, transposed.
  func lookUp(_ places: [Int], in table: FloatMatrix, into y: FloatMatrix)
  /// table [R, H] += y [H, places.count] at the places, in their order.
  func add(_ y: FloatMatrix, at places: [Int], to table: FloatMatrix)
  /// Row s of y = the mean over the `length` rows of x from s · `length` on.
  func means(of x: FloatMatrix, length: Int, into y: FloatMatrix)
  /// The gradient of `means`: the `length` rows of x from s · `length` on = row s of y over `length`.
  func spreadMeans(_ y: FloatMatrix, length: Int, into x: FloatMatrix)
  /// y = x + scale(i) · branch, where i counts runs of `length` rows; y may be x.
  ///
  /// - Parameter map: which row of the branch is added to a row of x; nil for the same one.
  func add(
    _ branch: FloatMatrix, map: RowMap?, scaledBy scale: (Int) -> Float, length: Int,
    to x: FloatMatrix, into y: FloatMatrix)
  /// x [B·T, C] += rows [T, C], image by image.
  func addToEachImage(_ rows: FloatMatrix, to x: FloatMatrix)
  /// y = x [B·T, C] times rows [T, C], number by number, image by image; y may be x.
  func multiply(_ x: FloatMatrix, byEachImage rows: FloatMatrix, into y: FloatMatrix)
  /// rows [T, C] += the rows of x [B·T, C], image by image in their order.
  func addImages(of x: FloatMatrix, to rows: FloatMatrix)

  /// All elements become initial values, in row-major order.
  func initialize(_ x: FloatMatrix, _ values: InitialValues, random: RandomStream)
  /// y += scale · (a − b).
  func addDifference(_ a: FloatMatrix, _ b: FloatMatrix, scale: Float, to y: FloatMatrix)
  /// Σx² in double precision: not finite where x is not.
  func sumOfSquares(_ x: FloatMatrix) -> Double
}

/// Steps on flat buffers, cut into slices: each a range of places, and one thread's work.
package protocol OptimizerOperations {
  /// Σx² in double precision: of every slice, in `sums`, and of these in their order.
  func sumOfSquares(
    _ x: AlignedBuffer<Float>, _ slices: [AdamWSlice], sums: AlignedBuffer<Double>
  ) -> Double
  /// One AdamW step.
  func adamW(_ state: AdamWState, _ slices: [AdamWSlice], _ coefficients: AdamWCoefficients)
  /// average ← β·average + (1 − β)·x (the paper's Algorithm 1).
  func movingAverage(
    beta: Float, of x: AlignedBuffer<Float>, into average: AlignedBuffer<Float>,
    _ slices: [Range<Int>])
}

/// What watches quantized weights, and what remedies do to them, on flat buffers.
package protocol OscillationOperations {
  /// The scale bytes of an operand's groups, row by row, from a place of `scales` on.
  ///
  /// - Precondition: the operand is codes grouped along rows.
  func copyScales(of operand: Encoded, into scales: AlignedBuffer<UInt8>, at place: Int)
  /// What the steps of an operand's groups are multiplied with, outer scales included, likewise.
  func copyUnits(of operand: Encoded, into units: AlignedBuffer<Float>, at place: Int)
  /// Takes one step of weights and their quantized values into account; `movements` gets what each slice moved.
  func trackMovement(
    weights: AlignedBuffer<Float>, quantized: AlignedBuffer<Float>, _ track: MovementTrack,
    _ slices: [Range<Int>], into movements: AlignedBuffer<WeightMovement>)
  /// At how many places two buffers differ.
  func countDifferences(_ a: AlignedBuffer<UInt8>, _ b: AlignedBuffer<UInt8>) -> Int
  /// Of R_w over the weights of some ranges, those that would stand at some places if all were sorted.
  func ratios(_ track: MovementTrack, _ ranges: [Range<Int>], sortedPlaces: [Int]) -> [Float]
  /// How many R_w of a range are above a threshold.
  func countRatios(_ track: MovementTrack, _ range: Range<Int>, above threshold: Float) -> Int
  /// N_w = min(k2·⌊R_w/k1⌋ + 1, limit) (the paper's Algorithm 2).
  func updatePeriods(
    _ rule: RampingRule, _ track: MovementTrack, into periods: AlignedBuffer<Float>,
    _ slices: [Range<Int>])
  /// x = the values, where those are numbers; where they are NaN, x stays.
  func put(_ values: AlignedBuffer<Float>, into x: AlignedBuffer<Float>, _ slices: [Range<Int>])
  /// x = 0 where `values` are numbers.
  func clear(
    _ x: AlignedBuffer<Float>, where values: AlignedBuffer<Float>, _ slices: [Range<Int>])
  /// Follows how quantized values flip back and forth, and holds those weights that do so too often.
  ///
  /// - Returns: whether any is newly held.
  func follow(_ state: FreezeState, _ rule: FreezeRule, _ tensors: [QuantizedTensor]) -> Bool
  /// Puts weights whose R_w has reached the threshold, and their averages, on their quantized values; `isReset` says
  /// of each place whether it is one of them.
  ///
  /// - Returns: how many they are.
  func reset(
    _ weights: AlignedBuffer<Float>, averages: AlignedBuffer<Float>?,
    to quantized: AlignedBuffer<Float>, _ track: MovementTrack, threshold: Float,
    isReset: UnsafeMutableBufferPointer<Bool>, _ slices: [Range<Int>]
  ) -> Int
  /// How many places differ among those that are not marked.
  func countDifferences(
    _ a: FloatMatrix, _ b: FloatMatrix, unless isMarked: UnsafeMutableBufferPointer<Bool>,
    _ slices: [Range<Int>]
  ) -> Int
  /// How confidently a quantizer rounds each number of a matrix grouped along rows (the paper's Appendix A).
  func confidence(_ x: FloatMatrix, _ quantizer: QuantizerRecipe) -> ConfidenceCounts
}
