import Foundation
import ImageData
import Synchronization

/// Images of one size whose pixels tell them apart, some of them broken; counts what is asked of it.
final class SyntheticDataset: ImageDataset {
  struct Broken: Error, CustomStringConvertible { let description: String }

  let classNames = ["even", "odd"]
  let count: Int
  private let size: Int
  private let broken: Set<Int>
  private let microseconds: UInt32
  private let reads = Atomic<Int>(0)
  private let active = Atomic<Int>(0)

  /// `microseconds` is how long a read takes.
  init(count: Int, size: Int = 4, broken: Set<Int> = [], microseconds: UInt32 = 0) {
    self.count = count
    self.size = size
    self.broken = broken
    self.microseconds = microseconds
  }

  /// How many images have been read so far.
  var readCount: Int { reads.load(ordering: .relaxed) }
  /// How many are being read now.
  var activeCount: Int { active.load(ordering: .sequentiallyConsistent) }

  func label(_ index: Int) -> Int { index % 2 }
  func name(_ index: Int) -> String { "synthetic record \(index)" }

  func content(_ index: Int) throws -> ImageContent {
    reads.wrappingAdd(1, ordering: .relaxed)
    active.wrappingAdd(1, ordering: .sequentiallyConsistent)
    defer { active.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
    if microseconds > 0 { usleep(microseconds) }
    if broken.contains(index) { throw Broken(description: "torn apart") }
    return .pixels(pattern(size, size, 1, start: index))
  }
}
