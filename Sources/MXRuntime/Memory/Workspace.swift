/// The two stacks of a training step: what the backward pass will need, and everything else.
///
/// They are apart so that a layer can leave something for the backward pass while its caller's scratch is
/// open, and the scratch is given back all the same.
public struct Workspace {
  /// Released when the step ends.
  public let kept: Arena
  /// Released by whoever allocated, as soon as it is done.
  public let scratch: Arena

  /// Two stacks of their own.
  public init(kept: Arena, scratch: Arena) {
    self.kept = kept
    self.scratch = scratch
  }

  /// Two empty stacks that grow in chunks of at least `chunkCount` numbers.
  public init(chunkCount: Int = 16 << 20) {
    self.init(kept: Arena(chunkCount: chunkCount), scratch: Arena(chunkCount: chunkCount))
  }

  /// Runs `body` and forgets what it allocated on both stacks.
  public func frame<Result>(_ body: () throws -> Result) rethrows -> Result {
    try kept.scratch { try scratch.scratch(body) }
  }
}
