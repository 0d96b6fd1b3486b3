import ImageData

extension FuzzTarget {
  /// Tar archives: their index and contents, archives within, and the two forms of data set.
  static func tar(in folder: String) throws -> FuzzTarget {
    let set = "\(folder)/tar"
    try makeFolder(set)
    let path = "\(set)/train.tar"
    let image = PNGWriter.file(width: 1, height: 1, type: PNGWriter.grey, rows: [[7]])
    try write(
      "\(set)/test.tar",
      TarWriter(files: [("a/1.png", image), ("b/2.png", image), ("7.cls", [48]), ("7.png", image)])
        .archive)
    return FuzzTarget(
      name: "tar", seeds: archives(image), tokens: tarTokens, path: path, tables: 1 << 17,
      repair: { file, _ in TarWriter.withChecksums(file) }
    ) { _ in
      let archive = try TarArchive(path)
      let entries = try archive.entries()
      for entry in entries.prefix(16) {
        guard try archive.read(entry).count == entry.size else {
          throw UnexpectedError(description: "\(entry.name) is of another size")
        }
        try tolerating {
          for inner in try archive.entries(inside: entry).prefix(16) { _ = try archive.read(inner) }
        }
      }
      // Names lead down from the archive's top and nowhere else.
      for entry in entries {
        let parts = entry.name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.allSatisfy({ !["", ".", ".."].contains($0) }) else {
          throw UnexpectedError(description: "a name leads out: \(entry.name.debugDescription)")
        }
      }
      try tolerating { try readAll(path) }
      try tolerating { try readAll(set) }
    }
  }

  private static func archives(_ image: [UInt8]) -> [[UInt8]] {
    let long = String(repeating: "deep/", count: 40) + "é.png"
    let inner = TarWriter(files: [("1.png", image), ("2.png", image)]).archive
    var links = TarWriter(files: [("train/a/1.png", image), ("test/a/1.png", image)])
    links.add("train/a/2.png", kind: "1", link: "train/a/1.png")
    links.add("train/a/3.png", kind: "1", link: "train/a/2.png")
    links.add("train/a/4.png", kind: "2", link: "/etc/passwd")
    links.add("long link", Array("../../../etc/passwd\u{0}".utf8), kind: "K")
    links.add("train/a/5.png", kind: "1")
    var pax = TarWriter()
    pax.addPax([("comment", "of all")], kind: "g")
    pax.addPax([("path", long), ("size", "\(image.count)"), ("mtime", "1.5")])
    pax.add("a", image, size: 0)
    pax.addPax([("linkpath", long)])
    pax.add("b/1.png", kind: "1", link: "cut off")
    pax.addLong(long, [1, 2, 3])
    pax.addBinary("c/2.png", image)
    return [
      links.archive, pax.archive, TarWriter(files: [("a.tar", inner), ("b.tar", inner)]).archive,
      TarWriter(files: [("7.png", image), ("7.cls", [48]), ("8.jpg", [1]), ("8.cls", [49, 10])])
        .archive,
      TarWriter(files: [
        ("x/train/a/1.png", image), ("x/val/a/1.png", image), ("x/classes.txt", Array("a\tA".utf8)),
      ]).archive, gzip(inner),
    ].dropLast() + [TarWriter().archive]
  }

  private static let tarTokens = [
    "../", "/", "./", "..", "/etc/passwd", "train/", "test/", "classes.txt", ".png", ".cls", ".tar",
    "ustar\u{0}00", "ustar  \u{0}", "00000000000\u{0}", "77777777777\u{0}", "\u{0}\u{0}\u{0}",
    "0", "1", "2", "5", "x", "g", "L", "K", "S", "30 mtime=1.5\n", "11 size=99\n", "GNU.sparse.",
    "19 linkpath=../../\n", "99999999999999999999 path=a\n", "1048575", "65535",
  ]
}
