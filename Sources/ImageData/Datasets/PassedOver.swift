import Files

/// Files of a data set that are not taken for its images, counted by what they are.
package struct PassedOver: Sendable, Equatable {
  /// How many there are.
  package private(set) var count = 0
  /// How many of each kind, by what messages call it: an ending, "without ending", or why else they are left out.
  package private(set) var kinds: [String: Int] = [:]
  /// The first of them, as messages call them, in the order in which they were met.
  package private(set) var names: [String] = []
  /// How many are named.
  private static let named = 20
  /// How many kinds are told apart; the others are "of other kinds".
  private static let toldApart = 100

  /// None so far.
  package init() {}

  /// Counts a file by its name's ending.
  mutating func add(_ path: String) { add(path, kind: Self.kind(path)) }

  /// Counts a file that is left out for another reason than its ending.
  mutating func add(_ path: String, kind: String) {
    count += 1
    let isKnown = kinds[kind] != nil || kinds.count < Self.toldApart
    kinds[isKnown ? kind : "of other kinds", default: 0] += 1
    if names.count < Self.named { names.append(RawName.shown(path)) }
  }

  /// Counts what others have counted.
  mutating func add(_ other: PassedOver) {
    count += other.count
    kinds.merge(other.kinds) { $0 + $1 }
    names += other.names.prefix(Self.named - names.count)
  }

  /// "3 .gif, 2 .psd (Photoshop)": the kinds, most frequent first.
  package var summary: String {
    let sorted = kinds.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    let more = sorted.count > 6 ? ", …" : ""
    return sorted.prefix(6).map { "\($0.value) \($0.key)" }.joined(separator: ", ") + more
  }

  /// What a file is by its name.
  private static func kind(_ path: String) -> String {
    let name = path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...]
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex,
      name.index(after: dot) != name.endIndex, name[dot...].utf8.count <= 12
    else { return "without ending" }
    if let kind = ImageFormat.unreadKind(path) { return "\(name[dot...].lowercased()) (\(kind))" }
    return RawName.shown(name[dot...].lowercased())
  }
}
