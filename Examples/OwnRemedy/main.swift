import Foundation
import MXCompute
import Training

/// Says what the evaluations find.
struct Evaluations: TrainingObserver {
  func evaluated(epoch: Int, trainLoss: Double, score: BatchScore, loaderWaitShare: Double) {
    print("epoch \(epoch + 1): top-1 \(score.top1Percent) %")
  }
}

// own-remedy RUN [EPOCHS]: trains TetraJet with the remedy on the built-in digits.
let arguments = Array(CommandLine.arguments.dropFirst())
var recipe = Recipe.digits
if arguments.count > 1, let epochs = Int(arguments[1]) { recipe.training.epochs = epochs }
do {
  var trainer = try Trainer(
    recipe, on: CPU(), output: arguments.first ?? "runs/reluctance", observer: Evaluations(),
    extraRemedies: { [Reluctance($0)] })
  let summary = try trainer.run()
  print("r(W_Q): \(summary.rateOfChangeQuantizedWeight ?? .nan)")
} catch {
  print("own-remedy: \(error)")
  exit(1)
}
