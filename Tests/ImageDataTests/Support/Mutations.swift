import ImageData
import MXRuntime

/// Damage as disks, networks and ill will do it to files.
enum Mutation: CaseIterable {
  /// Up to 32 single bits are flipped, half of the times within the first kilobyte.
  case bits
  /// The file ends too early.
  case truncation
  /// A piece is missing, or comes twice.
  case piece
  /// The file starts as another one does, for up to 600 bytes.
  case header
  /// One half is another file's.
  case splice
  /// A run of bytes is all the same: zeros, FF, or any.
  case run

  /// `file` after this damage; `other` is where foreign bytes come from. Never empty.
  func applied(
    to file: [UInt8], other: [UInt8], _ random: inout RandomSequence
  ) -> [UInt8] {
    var file = file
    let count = file.count
    switch self {
    case .bits:
      let range = random.integer(below: 2) == 0 ? min(count, 1024) : count
      for _ in 0...random.integer(below: 32) {
        file[random.integer(below: range)] ^= 1 << UInt8(random.integer(below: 8))
      }
    case .truncation:
      file.removeLast(random.integer(below: count))
    case .piece:
      let start = random.integer(below: count)
      let piece = start..<min(count, start + 1 + random.integer(below: 4096))
      if random.integer(below: 2) == 0, piece.count < count {
        file.removeSubrange(piece)
      } else {
        file.insert(contentsOf: file[piece], at: start)
      }
    case .header:
      let length = min(count, other.count, 1 + random.integer(below: 600))
      file.replaceSubrange(0..<length, with: other[0..<length])
    case .splice:
      file = Array(file[0...random.integer(below: count)])
      file += other[random.integer(below: other.count)...]
    case .run:
      let start = random.integer(below: count)
      let byte = [0, 0xFF, UInt8(truncatingIfNeeded: random.nextBits())][random.integer(below: 3)]
      for index in start..<min(count, start + 1 + random.integer(below: 64)) { file[index] = byte }
    }
    return file
  }
}

/// What became of mutated files.
struct MutationReport {
  var decoded = 0
  var refused = 0
  var slowest = Duration.zero
  var slowestCase = 0
  var unexpected: [String] = []

  /// Reads mutation `item` of `files` by every way an image goes: its header, a decoding at a part
  /// of its size, the pipeline of evaluation.
  mutating func add(_ item: Int, of files: [[UInt8]], seed: UInt64, repair: ([UInt8]) -> [UInt8]) {
    var random = RandomStream(seed: seed, purpose: .benchmark, step: 1).sequence(item: item)
    let file = files[random.integer(below: files.count)]
    let other = files[random.integer(below: files.count)]
    let mutation = Mutation.allCases[item % Mutation.allCases.count]
    let bytes = repair(mutation.applied(to: file, other: other, &random))
    let reduction = 1 << random.integer(below: 4)
    let start = ContinuousClock.now
    do {
      try read(bytes, reduction: reduction)
      decoded += 1
    } catch is ImageError {
      refused += 1
    } catch {
      unexpected.append("case \(item) of seed \(seed): \(error)")
    }
    let time = ContinuousClock.now - start
    if time > slowest { (slowest, slowestCase) = (time, item) }
  }
}

private func read(_ bytes: [UInt8], reduction: Int) throws {
  let file = try EncodedImage(bytes, name: "mutated")
  let image = try file.decoded(reduction: reduction)
  let isReduced = file.format == .jpeg && reduction > 1
  precondition(isReduced || (image.width == file.width && image.height == file.height))
  _ = try ImageContent.file(file).fitted(size: 64, channels: 3)
}
