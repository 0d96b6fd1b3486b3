import MXRuntime

/// The bytes of activations and scratch that passes over a model take, as a function of the batch:
/// measured at some batches, straight lines between and behind them. (Kept activations are a line;
/// the most scratch is the largest of several lines, one a layer, so that larger batches than were
/// measured take their slope from the largest two.)
package struct PassMemory: Sendable {
  /// What was measured at a batch.
  struct Point: Sendable {
    let batch: Int
    /// Bytes on the two stacks of the workspace.
    let kept, scratch: Double

    /// What a workspace has held, and `more` bytes that were kept nowhere.
    init(_ batch: Int, _ workspace: Workspace, more: Int = 0) {
      let size = MemoryLayout<Float>.stride
      self.batch = batch
      kept = Double(workspace.kept.peakCount * size + more)
      scratch = Double(workspace.scratch.peakCount * size)
    }
  }

  private let points: [Point]

  /// - Parameter points: at least one, by rising batches.
  init(_ points: [Point]) { self.points = points }

  /// Bytes that one more image takes.
  var perImage: Double {
    let (before, last) = (points[max(points.count - 2, 0)], points[points.count - 1])
    guard before.batch < last.batch else { return last.kept + last.scratch }
    return (last.kept + last.scratch - before.kept - before.scratch)
      / Double(last.batch - before.batch)
  }

  /// Bytes on the two stacks at a batch.
  func bytes(batch: Int) -> (kept: Double, scratch: Double) {
    guard points.count > 1 else { return (points[0].kept, points[0].scratch) }
    // The first that is not smaller, or the last; never the very first, which has no line before
    // it.
    let index = max(1, points.firstIndex { $0.batch >= batch } ?? points.count - 1)
    let (a, b) = (points[index - 1], points[index])
    let way = Double(batch - a.batch) / Double(b.batch - a.batch)
    return (a.kept + way * (b.kept - a.kept), a.scratch + way * (b.scratch - a.scratch))
  }
}
