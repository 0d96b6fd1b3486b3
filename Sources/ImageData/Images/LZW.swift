/// GIF's compression: codes of growing length, each a run of bytes that an earlier one ended with one byte more.
enum LZW {
  /// The `count` bytes that codes stand for, the shortest of `codeSize` + 1 bits; nil where the codes make no sense or
  /// there are too few. What comes after is not looked at.
  static func decoded(_ input: [UInt8], codeSize: Int, count: Int) -> [UInt8]? {
    guard (1...11).contains(codeSize) else { return nil }
    let clear = 1 << codeSize
    // Of each code: the code before its last byte, that byte, its first byte and its length.
    var prefix = [Int](repeating: 0, count: 4096)
    var last = (0..<4096).map { UInt8(truncatingIfNeeded: $0) }
    var first = last
    var length = [Int](repeating: 1, count: 4096)
    var (next, bits, previous) = (clear + 2, codeSize + 1, -1)
    var (buffer, available, place, written) = (0, 0, 0, 0)
    var isWhole = true
    let result = [UInt8](unsafeUninitializedCapacity: count) { output, initialized in
      while written < count {
        while available < bits, place < input.count {
          buffer |= Int(input[place]) << available
          (available, place) = (available + 8, place + 1)
        }
        guard available >= bits else { break }
        let code = buffer & (1 << bits - 1)
        (buffer, available) = (buffer >> bits, available - bits)
        if code == clear {
          (next, bits, previous) = (clear + 2, codeSize + 1, -1)
          continue
        }
        // A code that is about to be made may be used: it ends as it starts.
        let isNew = code == next && previous >= 0 && next < 4096
        guard code != clear + 1, code < next || isNew, previous >= 0 || code < clear else { break }
        if previous >= 0, next < 4096 {
          prefix[next] = previous
          first[next] = first[previous]
          last[next] = isNew ? first[previous] : first[code]
          length[next] = length[previous] + 1
          next += 1
          if next == 1 << bits, bits < 12 { bits += 1 }
        }
        // From its end to its start.
        let end = written + length[code]
        var (link, target) = (code, end - 1)
        while target >= written {
          if target < count { output[target] = last[link] }
          (link, target) = (prefix[link], target - 1)
        }
        (written, previous) = (min(end, count), code)
      }
      isWhole = written == count
      initialized = written
    }
    return isWhole ? result : nil
  }
}
