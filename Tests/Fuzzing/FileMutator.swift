import MXRuntime

/// Makes hostile files out of valid ones. What comes out depends on the generator's seed alone.
struct FileMutator {
  /// Pieces of the format's own.
  let tokens: [[UInt8]]
  /// No file becomes longer.
  static let longest = 1 << 16

  private static let words: [UInt64] = [
    0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF,
    0x1_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, .max,
  ]
  private static let numbers = [
    "0", "-1", "1", "65536", "4294967295", "4294967296", "9223372036854775807",
    "9223372036854775808", "1e999", "nan", "1048576", "00000000000000000000000000001",
  ]

  /// `file` after one to eight changes; `other` is where foreign bytes come from.
  func mutated(
    _ file: [UInt8], other: [UInt8], _ random: inout RandomSequence
  ) -> [UInt8] {
    var file = file
    // Mostly few: many changes at once are refused at the first of them.
    let changes = 1 << random.integer(below: 4)
    for _ in 0..<1 + random.integer(below: changes) { change(&file, other, &random) }
    return Array(file.prefix(Self.longest))
  }

  private func change(_ file: inout [UInt8], _ other: [UInt8], _ random: inout RandomSequence) {
    // Headers are where a byte does most: half of the changes go there.
    let reach = random.integer(below: 2) == 0 ? min(file.count, 600) : file.count
    let place = random.integer(below: reach + 1)
    let end = min(file.count, place + 1 + random.integer(below: 1 << random.integer(below: 10)))
    switch random.integer(below: 12) {
    case 0, 1:
      if place < file.count { file[place] ^= 1 << UInt8(random.integer(below: 8)) }
    case 2:
      if place < file.count { file[place] = UInt8(truncatingIfNeeded: random.nextBits()) }
    case 3: overwrite(&file, at: place, with: word(&random))
    case 4: file.insert(contentsOf: token(&random), at: place)
    case 5: overwrite(&file, at: place, with: token(&random))
    case 6: replaceNumber(&file, from: place, &random)
    case 7: file.removeSubrange(place..<end)
    case 8: file.insert(contentsOf: file[place..<end], at: place)
    case 9:
      let byte = [0, 0xFF, UInt8(truncatingIfNeeded: random.nextBits())][random.integer(below: 3)]
      for index in place..<end { file[index] = byte }
    case 10:
      // A piece of the other one, in its own place or anywhere.
      let start = random.integer(below: 2) == 0 ? place : random.integer(below: other.count + 1)
      overwrite(&file, at: place, with: other.dropFirst(start).prefix(end - place))
    default:
      if random.integer(below: 4) == 0 {
        file = Array(file.prefix(place) + other.dropFirst(random.integer(below: other.count + 1)))
      } else if random.integer(below: 2) == 0 {
        file.removeLast(file.count - place)
      }
    }
  }

  /// One, two, four or eight bytes of a number at which something often ends, in either order.
  private func word(_ random: inout RandomSequence) -> ArraySlice<UInt8> {
    let value = Self.words[random.integer(below: Self.words.count)]
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    let part = bytes.prefix(1 << random.integer(below: 4))
    return random.integer(below: 2) == 0 ? part : ArraySlice(part.reversed())
  }

  private func token(_ random: inout RandomSequence) -> ArraySlice<UInt8> {
    guard !tokens.isEmpty else { return word(&random) }
    return tokens[random.integer(below: tokens.count)][...]
  }

  private func overwrite(_ file: inout [UInt8], at place: Int, with bytes: ArraySlice<UInt8>) {
    file.replaceSubrange(place..<min(file.count, place + bytes.count), with: bytes)
  }

  /// Another number in decimal in place of the next one.
  private func replaceNumber(
    _ file: inout [UInt8], from place: Int, _ random: inout RandomSequence
  ) {
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    guard let start = file[place...].firstIndex(where: digits.contains) else { return }
    let end = file[start...].firstIndex { !digits.contains($0) } ?? file.count
    let number = Self.numbers[random.integer(below: Self.numbers.count)]
    file.replaceSubrange(start..<end, with: number.utf8)
  }
}
