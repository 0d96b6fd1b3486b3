import Foundation
import MXRuntime

/// Copies of a training's buffers, to go back to.
struct Snapshot {
  private let buffers: [StateBuffer]
  private let copies: [AlignedBuffer<Float>]

  init(_ state: [StateBuffer]) {
    buffers = state
    copies = state.map { $0.buffer.copy() }
  }

  func restore() {
    for (saved, copy) in zip(buffers, copies) { saved.buffer.update(from: copy) }
  }

  /// Whether a state has the same buffers with the same bits: none has come, gone or been exchanged meanwhile.
  func isRestored(in state: [StateBuffer]) -> Bool {
    state.map(\.name) == buffers.map(\.name)
      && zip(state, copies).allSatisfy { current, copy in
        memcmp(current.buffer.base, copy.base, copy.count * MemoryLayout<Float>.stride) == 0
      }
  }
}
