import ImageData
import MXRuntime

/// One format of files that come from outside: valid files to start from, and the reader that they
/// are given to.
package struct FuzzTarget {
  /// What tables and file names call the format.
  package let name: String
  /// Valid files, small ones, of every kind that the reader knows.
  let seeds: [[UInt8]]
  /// Pieces of the format's own, which random bytes would hardly ever make.
  let tokens: [[UInt8]]
  /// Makes checksums right again, so that damage reaches what lies behind them.
  let repair: (([UInt8], inout RandomSequence) -> [UInt8])?
  /// Where the reader looks for the file.
  let path: String
  /// What the reader's tables may take, in bytes, whatever the file.
  let tables: Int
  /// How many bytes or pixels the file unpacks to by a bound that does not trust it; 0 where
  /// nothing is packed.
  let unpacked: ([UInt8]) -> Int
  /// Reads the file by every way in which the product would, and throws what it throws.
  let read: ([UInt8]) throws -> Void

  init(
    name: String, seeds: [[UInt8]], tokens: [String] = [], path: String, tables: Int,
    repair: (([UInt8], inout RandomSequence) -> [UInt8])? = nil,
    unpacked: @escaping ([UInt8]) -> Int = { _ in 0 }, read: @escaping ([UInt8]) throws -> Void
  ) {
    (self.name, self.seeds, self.path, self.repair) = (name, seeds, path, repair)
    self.tokens = tokens.map { Array($0.utf8) }
    self.tables = tables
    (self.unpacked, self.read) = (unpacked, read)
  }

  /// All formats. Their files lie in `folder`, best one in memory.
  package static func all(in folder: String) throws -> [FuzzTarget] {
    [
      try safetensors(in: folder), try gguf(in: folder), try verify(in: folder),
      recipe(in: folder),
      try runs(in: folder),
      try idx(in: folder, isCompressed: false),
      try idx(in: folder, isCompressed: true), try cifar(in: folder), try tar(in: folder),
      jpeg(in: folder), png(in: folder),
    ]
      + [ImageFormat.webp, .gif, .bmp, .tiff, .heic, .avif].compactMap {
        pictures($0, in: folder)
      }
  }
}
