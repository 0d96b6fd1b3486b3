/// What the folders, archives and shards of a data set's sides are called.
enum SideName {
  /// The side to train on.
  static let train = ["train", "training"]
  /// The side to test with, in the order in which they are taken where there are several.
  static let test = ["test", "testing", "val", "valid", "validation"]

  /// Whether a folder is called like a side.
  static func isSide(_ name: some StringProtocol) -> Bool {
    (train + test).contains(name.lowercased())
  }

  /// The entries of a folder that are called like one of some sides, in the sides' order; of names that differ in
  /// their case only the one in lower case comes first.
  static func found(_ sides: [String], in entries: [String]) -> [String] {
    sides.flatMap { side in
      entries.filter { $0 == side } + entries.filter { $0 != side && $0.lowercased() == side }
    }
  }
}
