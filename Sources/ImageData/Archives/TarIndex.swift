/// Goes through the headers of a tar archive, from its start to its end.
struct TarIndex {
  private let file: SharedFile
  private let name: String
  /// Where the archive ends; what lies inside must end before.
  private let end: Int
  /// Where the header is that is being looked at.
  private var position: Int
  /// Where the one behind it is.
  private var next: Int
  /// A part of the file: disks give whole pages, so that a header often comes with the one before.
  private var window: [UInt8] = []
  private var windowStart = 0
  private static let windowSize = 4096

  /// An index of a file or of a part of it. Throws `FileError`.
  init(_ file: SharedFile, name: String, _ range: Range<Int>? = nil) throws {
    self.file = file
    self.name = name
    let range = try range ?? 0..<file.descriptor.length()
    (position, next, end) = (range.lowerBound, range.lowerBound, range.upperBound)
  }

  /// The regular files, or the first `limit` of them, in the order in which they lie.
  ///
  /// - Throws: `FileError`, `DatasetError`.
  mutating func entries(limit: Int = .max) throws -> [TarEntry] {
    var entries: [TarEntry] = []
    // What headers in front of a header say in its place.
    var longName: [UInt8]?
    var longLink: [UInt8]?
    var records: PaxRecords?
    // Where files lie by their names: made when the first hard link asks.
    var places: [String: Int]?
    while entries.count < limit, let header = try nextHeader() {
      let content = try passContent(of: header, size: records?.size)
      switch header.kind {
      case .longName:
        longName = Array(try text(content).prefix { $0 != 0 })
        continue
      case .extendedHeader:
        let bytes = try text(content)
        records = try located { () throws(ArchiveFault) in try PaxRecords(bytes) }
        continue
      case .longLink:
        longLink = Array(try text(content).prefix { $0 != 0 })
        continue
      case .globalHeader:
        continue
      case .file, .sparse:
        if header.kind == .sparse || records?.isSparse == true { throw fault(.sparse) }
        let name = try normalized(records?.path ?? longName ?? header.name)
        if !name.isEmpty {
          places?[name] = entries.count
          entries.append(TarEntry(name: name, offset: content.lowerBound, size: content.count))
        }
      case .hardLink:
        // Of a file with several names tar keeps the content once, under the first.
        if places == nil {
          places = Dictionary(entries.indices.map { (entries[$0].name, $0) }) { $1 }
        }
        let target = try normalized(records?.linkPath ?? longLink ?? header.linkName)
        let name = try normalized(records?.path ?? longName ?? header.name)
        if let place = places?[target], !name.isEmpty {
          let file = entries[place]
          places?[name] = entries.count
          entries.append(TarEntry(name: name, offset: file.offset, size: file.size))
        }
      case .noContent:
        break
      }
      (longName, longLink, records) = (nil, nil, nil)
    }
    return entries
  }

  /// A path as entries have it.
  private func normalized(_ path: [UInt8]) throws -> String {
    guard path.count <= ArchiveFault.maximumName else { throw fault(.longName(size: path.count)) }
    return TarEntry.normalized(path)
  }

  /// The next header; nil at the mark of the archive's end.
  ///
  /// An archive without that mark may have lost what was behind its last file.
  private mutating func nextHeader() throws -> TarHeader? {
    position = min(next, end)
    guard end - position >= TarHeader.blockSize else { throw fault(.noEnd) }
    let block = try bytes(position..<position + TarHeader.blockSize)
    return try located { () throws(ArchiveFault) in try TarHeader(block) }
  }

  /// Where the content of the header at `position` lies, all of it inside the archive.
  ///
  /// - Parameter size: What a pax header says of the file behind it, which may be larger than
  ///   twelve digits can say. Other headers, which may come between the two, are never so large.
  private mutating func passContent(of header: TarHeader, size: Int?) throws -> Range<Int> {
    let size = header.kind == .file ? size ?? header.size : header.size
    let start = position + TarHeader.blockSize
    guard size <= end - start else { throw fault(.truncated(size: size, end: end)) }
    // Contents fill whole blocks.
    next = start + (size + TarHeader.blockSize - 1) / TarHeader.blockSize * TarHeader.blockSize
    return start..<start + size
  }

  /// The text that a header is followed by.
  private mutating func text(_ range: Range<Int>) throws -> ArraySlice<UInt8> {
    guard range.count <= ArchiveFault.maximumHeader else {
      throw fault(.longHeader(size: range.count))
    }
    return try bytes(range)
  }

  /// A part of the file that lies before `end`.
  private mutating func bytes(_ range: Range<Int>) throws -> ArraySlice<UInt8> {
    if range.lowerBound < windowStart || range.upperBound > windowStart + window.count {
      let length = min(max(Self.windowSize, range.count), end - range.lowerBound)
      window = try [UInt8](unsafeUninitializedCapacity: length) { [file] buffer, count in
        count = try file.descriptor.read(
          into: UnsafeMutableRawBufferPointer(buffer), at: range.lowerBound)
      }
      windowStart = range.lowerBound
      // The file has become shorter since its length was asked for.
      guard window.count >= range.count else { throw fault(.noEnd) }
    }
    return window[range.lowerBound - windowStart..<range.upperBound - windowStart]
  }

  private func fault(_ fault: ArchiveFault) -> DatasetError {
    DatasetError(path: name, fault: .archive(fault, offset: position))
  }

  /// Adds to a fault where it was found.
  private func located<Result>(_ body: () throws(ArchiveFault) -> Result) throws -> Result {
    do {
      return try body()
    } catch {
      throw fault(error)
    }
  }
}
