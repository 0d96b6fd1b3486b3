import Synchronization

/// Decoded and resized images, as many as fit.
///
/// What is in stays in: an epoch meets every image once, in a new order each time, so that evicting
/// one image for another gains nothing.
final class ImageCache: Sendable {
  private struct State {
    var images: [Image?]
    var room: Int
  }

  private let state: Mutex<State>

  /// A cache for `images` images that takes up to `megabytes` MiB.
  init(images: Int, megabytes: Int) {
    let (bytes, overflow) = megabytes.multipliedReportingOverflow(by: 1 << 20)
    let room = overflow ? Int.max : bytes
    state = Mutex(State(images: Array(repeating: nil, count: room > 0 ? images : 0), room: room))
  }

  subscript(index: Int) -> Image? {
    state.withLock { $0.images.indices.contains(index) ? $0.images[index] : nil }
  }

  /// Keeps `image` if there is room.
  func insert(_ image: Image, at index: Int) {
    // What an array's own header takes is counted, which for thumbnails is not nothing.
    let bytes = image.pixels.count + 32
    state.withLock { state in
      guard state.room >= bytes, state.images[index] == nil else { return }
      state.images[index] = image
      state.room -= bytes
    }
  }
}
