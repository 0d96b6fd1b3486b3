import MXCompute
import MXLinear
import Ranks

extension Ranks {
  /// The sum of the scores of all ranks, in their order: those of rank 0 first.
  ///
  /// - Parameter body: the bytes of this rank's.
  /// - Throws: what `body` throws, at all of them (`agree`).
  func sum(_ body: () throws -> [UInt8]) throws -> BatchScore {
    var total = BatchScore()
    for bytes in try agree(body) { [BatchScore](bytes: bytes).forEach { total.add($0) } }
    return total
  }
}

extension Ranks {
  /// Adds what the quantizers of all ranks have lost to a census.
  ///
  /// - Throws: `RanksError`.
  func add(_ own: QuantizerCensus, to census: QuantizerCensus) throws {
    for operand in Operand.allCases {
      for bytes in try gather(own[operand].map { [UInt8](bytesOf: $0) } ?? []) {
        for lost in [QuantizerLosses](bytes: bytes) { census.add(lost, of: operand) }
      }
    }
  }
}

extension [UInt8] {
  /// The bytes of a value, for another rank of the same program.
  init<Value: BitwiseCopyable>(bytesOf value: Value) {
    self = Swift.withUnsafeBytes(of: value) { Array($0) }
  }
}

extension Array where Element: BitwiseCopyable {
  /// The values whose bytes another rank of the same program has sent.
  init(bytes: [UInt8]) {
    let size = MemoryLayout<Element>.stride
    self = bytes.withUnsafeBytes { bytes in
      (0..<bytes.count / size).map {
        bytes.loadUnaligned(fromByteOffset: $0 * size, as: Element.self)
      }
    }
  }
}

extension Int64 {
  /// The number whose bytes another rank has sent.
  init(bytes: [UInt8]) { self = [Int64](bytes: bytes)[0] }
}
