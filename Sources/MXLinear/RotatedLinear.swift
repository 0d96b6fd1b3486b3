import MXCompute
import MXFormats
import MXRuntime

// Shapes as in Linear.swift.

/// The fully connected layer in INT4 as Xi et al. (2023) train it: both operands behind a block Hadamard matrix and over learned steps,
/// Y = s_X·s_W·X̂·Ŵᵀ + b; backward a gradient that is split and sampled. Simulated: codes are whole numbers in single precision.
///
/// "Training Transformers with 4-bit Integers", arXiv:2306.11987, and its published code where the two differ; Documentation/Numerics.md,
/// section 4.
public struct RotatedLinear: Sendable {
  /// What the backward products read of dY.
  public enum Gradient: Sendable, Equatable {
    /// What is drawn of its two halves.
    case sampled
    /// dY itself: the gradient of what the forward pass computes, straight through its codes.
    case exact
  }

  /// The number among the model's linear layers, which keys the random bits.
  let index: Int
  let gradient: Gradient

  /// A layer.
  ///
  /// - Parameters:
  ///   - index: its number among the model's linear layers.
  ///   - gradient: what its backward products read.
  public init(index: Int, gradient: Gradient = .sampled) {
    (self.index, self.gradient) = (index, gradient)
  }

  /// The parameters of a layer, or their gradients, in the caller's buffers.
  public struct Parameters {
    /// W and b.
    public let weight, bias: FloatMatrix
    /// s_X and s_W.
    public let inputStep, weightStep: FloatMatrix

    /// Views on the parameters, which must outlive them.
    ///
    /// - Parameters:
    ///   - weight: W [C, D].
    ///   - bias: b [1, C].
    ///   - inputStep: s_X [1, 1].
    ///   - weightStep: s_W [1, 1].
    public init(
      weight: FloatMatrix, bias: FloatMatrix, inputStep: FloatMatrix, weightStep: FloatMatrix
    ) {
      (self.weight, self.bias) = (weight, bias)
      (self.inputStep, self.weightStep) = (inputStep, weightStep)
    }
  }

  /// Y = s_X·s_W·X̂·Ŵᵀ + b.
  ///
  /// - Parameters:
  ///   - x: [N, D]; must stay as it is until the backward pass.
  ///   - parameters: W, b and the steps.
  ///   - y: [N, C], overwritten.
  ///   - arena: scratch.
  ///   - group: log2 of the size of a Hadamard matrix [1, 1], which is no learned parameter.
  ///   - context: where it says so, the group, the steps or both are found anew from x, and written where they lie.
  public func forward(
    _ x: FloatMatrix, _ parameters: Parameters, group: FloatMatrix, y: FloatMatrix, arena: Arena,
    context: StepContext
  ) {
    arena.scratch {
      if context.recalibration == .groups {
        group.elements[0] = Float(
          bestGroup(x, parameters.weight, arena, context).trailingZeroBitCount)
      }
      let (input, weight) = operands(
        x, parameters, group, startsSteps: context.recalibration != .none, arena, context)
      // What the optimizer made negative stands for its magnitude.
      if !MemoryLedger.isRunningDry, context.recalibration != .none || context.isTraining {
        (parameters.inputStep.elements[0], parameters.weightStep.elements[0]) = (
          input.step, weight.step
        )
      }
      context.products?.count(.y, .simulated)
      context.compute.product(
        input.encoded(.rows), weight.encoded(.rows), bias: parameters.bias, into: y,
        accumulates: false, arena: arena)
    }
  }

  /// The gradients of X and of the parameters.
  ///
  /// - Parameters:
  ///   - dy: [N, C].
  ///   - x: that of the forward pass.
  ///   - parameters: those of the forward pass.
  ///   - group: that of the forward pass.
  ///   - dx: [N, D], overwritten.
  ///   - gradients: what those of the parameters are added to.
  ///   - arena: scratch.
  ///   - context: the step, which keys the random bits.
  public func backward(
    dy: FloatMatrix, x: FloatMatrix, _ parameters: Parameters, group: FloatMatrix,
    dx: FloatMatrix, gradients: Parameters, arena: Arena, context: StepContext
  ) {
    let (compute, threads) = (context.compute, context.compute.threads)
    arena.scratch {
      let (input, weight) = operands(
        x, parameters, group, startsSteps: false, arena, context)
      let rotation = BlockRotation(exponent: group.elements[0], columns: x.columns)
      // The bias's gradient adds up what is not split.
      _ = compute.encode(
        .matrix(dy), rows: nil, columns: nil, addingColumnSumsTo: gradients.bias, arena: arena,
        profile: context.profile)
      let halves =
        gradient == .exact
        ? nil
        : SampledGradient(
          dy, random: context.random(Operand.q3, layer: index), arena, threads: threads)

      arena.scratch {
        let rows =
          halves?.drawn(
            weights: nil, random: context.random(Operand.q4, layer: index), arena) ?? dy
        context.products?.count(.dx, .simulated)
        compute.product(
          Encoded(exact: rows, axis: .rows), weight.encoded(.columns), bias: nil, into: dx,
          accumulates: false, arena: arena)
        gradients.inputStep.elements[0] += input.backward(dx, arena, threads: threads)
        rotation.apply(dx, threads: threads)
      }
      arena.scratch {
        let rows =
          halves?.drawn(
            weights: input.rowNorms(arena, threads: threads),
            random: context.random(Operand.q5, layer: index), arena) ?? dy
        let dT = arena.matrix(rows: parameters.weight.rows, columns: x.columns)
        context.products?.count(.dw, .simulated)
        compute.product(
          Encoded(exact: rows, axis: .columns), input.encoded(.columns), bias: nil, into: dT,
          accumulates: false, arena: arena)
        gradients.weightStep.elements[0] += weight.backward(dT, arena, threads: threads)
        rotation.apply(dT, addingTo: gradients.weight, threads: threads)
      }
    }
  }

  /// The group whose steps make the least product of both operands' errors; of equal ones the smaller.
  package func bestGroup(
    _ x: FloatMatrix, _ w: FloatMatrix, _ arena: Arena, _ context: StepContext
  ) -> Int {
    let threads = context.compute.threads
    var (best, least) = (1, Double.infinity)
    for group in BlockRotation.candidates(columns: x.columns) {
      let rotation = BlockRotation(group: group)
      func error(_ x: FloatMatrix) -> Double {
        arena.scratch {
          SteppedOperand(x, rotation, step: nil, arena, threads: threads)
            .squaredError(arena, threads: threads).squareRoot()
        }
      }
      let product = error(x) * error(w)
      if product < least { (best, least) = (group, product) }
    }
    return best
  }

  private func operands(
    _ x: FloatMatrix, _ parameters: Parameters, _ group: FloatMatrix, startsSteps: Bool,
    _ arena: Arena, _ context: StepContext
  ) -> (input: SteppedOperand, weight: SteppedOperand) {
    let rotation = BlockRotation(exponent: group.elements[0], columns: x.columns)
    func operand(_ x: FloatMatrix, _ step: FloatMatrix) -> SteppedOperand {
      SteppedOperand(
        x, rotation, step: startsSteps ? nil : step.elements[0].magnitude, arena,
        threads: context.compute.threads)
    }
    return (operand(x, parameters.inputStep), operand(parameters.weight, parameters.weightStep))
  }
}

extension SteppedOperand {
  /// The codes as a product reads them, with the step still to be applied.
  fileprivate func encoded(_ axis: GroupAxis) -> Encoded {
    Encoded(.numbers(codes), axis: axis, outerScale: step)
  }
}

/// What layers with learned steps find anew in a step (Xi et al. 2023, appendix A.4 and A.5).
package enum Recalibration: Sendable {
  /// Nothing.
  case none
  /// Their steps, from the numbers at hand.
  case steps
  /// Which rotation they take, and then their steps.
  case groups

  /// Steps of a cold start, in which steps are not learned yet.
  private static let coldSteps = 10
  /// Epochs after which rotations and steps are found once more.
  private static let epochsBeforeRestart = 2

  /// What a training step finds anew.
  package init(step: Int, stepsPerEpoch: Int) {
    let restart = Self.epochsBeforeRestart * stepsPerEpoch
    let sinceStart = step < restart ? step : step - restart
    self = sinceStart == 0 ? .groups : sinceStart < Self.coldSteps ? .steps : .none
  }
}
