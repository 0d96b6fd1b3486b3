import ArgumentParser
import Exchange

/// How a trained model is used.
struct DeploymentOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "'mxfp4', what training saw, or 'full': only weights in 4 bits. (default: the file's)",
      valueName: "mxfp4|full"))
  var activations: Activations?
}
