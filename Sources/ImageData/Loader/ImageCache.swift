import Synchronization

/// Decoded and resized images, as many as fit.
///
/// What is in stays in: an epoch meets every image once, in a new order each time, so that evicting
/// one image for another gains nothing.
final class ImageCache: Sendable {
  private struct State {
    /// Empty where there is no image.
    var pixels: [[UInt8]]
    var room: Int
  }

  private let state: Mutex<State>

  /// A cache for `images` images that takes up to `megabytes` MiB.
  init(images: Int, megabytes: Int) {
    let (bytes, overflow) = megabytes.multipliedReportingOverflow(by: 1 << 20)
    let room = overflow ? Int.max : bytes
    state = Mutex(State(pixels: Array(repeating: [], count: room > 0 ? images : 0), room: room))
  }

  subscript(index: Int) -> [UInt8]? {
    state.withLock { state in
      guard index < state.pixels.count, !state.pixels[index].isEmpty else { return nil }
      return state.pixels[index]
    }
  }

  /// Keeps `pixels` if there is room.
  func insert(_ pixels: [UInt8], at index: Int) {
    // What an array's own header takes is counted, which for thumbnails is not nothing.
    let bytes = pixels.count + 32
    state.withLock { state in
      guard state.room >= bytes, state.pixels[index].isEmpty else { return }
      state.pixels[index] = pixels
      state.room -= bytes
    }
  }
}
