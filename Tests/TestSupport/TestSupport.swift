import Files
import Foundation
import MXRuntime
import Testing

/// Golden vectors that other implementations agree with. The whole of them is too large for the repository, which has a
/// cut (`Tests/Golden`): the whole is used where `TETRAJET_GOLDEN` names its folder, or where a folder `shared/golden` lies
/// beside the checkout. Of models there is no cut, but small ones of timm's stand beside it.
package enum Golden {
  private static let folder: String? = {
    let beside = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../../shared/golden").standardized.path
    let folder = ProcessInfo.processInfo.environment["TETRAJET_GOLDEN"] ?? beside
    return FileManager.default.fileExists(atPath: folder) ? folder : nil
  }()

  /// Whether the vectors are there as a whole.
  package static var isWhole: Bool { folder != nil }

  /// Why tests that need the whole are skipped.
  package static let absence: Comment = "TETRAJET_GOLDEN names no folder of golden vectors"

  /// The path of a file of vectors.
  package static func path(_ name: String) -> String { "\(folder ?? cut)/\(name).safetensors" }

  /// Opens what a small model of timm's computes.
  package static func openModel(_ family: String) throws -> SafetensorsFile {
    try SafetensorsFile(path: "\(cut)/timm_\(family).safetensors")
  }

  private static let cut = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../Golden").standardized.path

  /// Opens a file of vectors.
  package static func open(_ name: String) throws -> SafetensorsFile {
    try SafetensorsFile(path: path(name))
  }
}

/// ‖a − b‖ / ‖b‖ in double precision; b is the reference.
package func relativeError(_ a: [Float], _ b: [Float]) -> Double {
  precondition(a.count == b.count, "\(a.count) against \(b.count) numbers")
  var difference = 0.0
  var norm = 0.0
  for (x, y) in zip(a, b) {
    difference += (Double(x) - Double(y)) * (Double(x) - Double(y))
    norm += Double(y) * Double(y)
  }
  return norm == 0 ? difference.squareRoot() : (difference / norm).squareRoot()
}

/// Reproducible test numbers: normal, or of widely spread magnitudes.
package struct TestRandom {
  private var sequence: RandomSequence
  /// For failure messages.
  package let seed: UInt64

  /// Numbers that belong to a seed.
  package init(seed: UInt64) {
    self.seed = seed
    sequence = RandomStream(seed: seed, purpose: .benchmark).sequence(item: 0)
  }

  /// An integer in 0 ..< bound.
  package mutating func integer(below bound: Int) -> Int { sequence.integer(below: bound) }

  /// 32 random bits.
  package mutating func bits() -> UInt32 { sequence.nextBits() }

  /// A standard normal number.
  package mutating func normal() -> Float {
    let radius = (-2 * log(1 - Double(sequence.uniform()))).squareRoot()
    return Float(radius * cos(2 * .pi * Double(sequence.uniform())))
  }

  /// Standard normal numbers.
  package mutating func normals(_ count: Int) -> [Float] { (0..<count).map { _ in normal() } }

  /// Finite numbers of every kind: random bits, zeros of both signs, subnormals, grid points and ties.
  package mutating func extremes(_ count: Int) -> [Float] {
    (0..<count).map { _ in
      switch integer(below: 6) {
      case 0: normal()
      case 1:
        [0, -0.0, .leastNonzeroMagnitude, -.leastNormalMagnitude, 3e38][integer(below: 5)]
      case 2: Float(integer(below: 49) - 24) / 4
      case 3: normal() * .leastNormalMagnitude
      default:
        {
          let value = Float(bitPattern: bits())
          return value.isFinite ? value : 1
        }()
      }
    }
  }
}

/// A folder that lives as long as `body` runs.
package func withTemporaryFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("tetrajet-tests-\(UUID().uuidString)").path
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  return try body(folder)
}
