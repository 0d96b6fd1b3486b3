import Files
import Foundation
import Synchronization

/// One part of a status line.
struct StatusPart {
  enum Content {
    case text(String)
    /// A bar of so large a share, as long as there is room.
    case bar(Double)
  }

  static func text(_ text: String, rank: Int) -> StatusPart {
    StatusPart(content: .text(text), rank: rank)
  }

  static func bar(_ share: Double, rank: Int) -> StatusPart {
    StatusPart(content: .bar(share), rank: rank)
  }

  let content: Content
  /// Where the terminal is too narrow, parts of lower rank are left out first.
  let rank: Int

  /// The least columns that the part needs.
  fileprivate var width: Int {
    switch content {
    case .text(let text): text.displayWidth
    case .bar: 5 * cellWidth
    }
  }
}

/// The line of a terminal that is drawn over and over while something lasts, perhaps with others above it; there is one in a process.
///
/// Lines always end before the last column, and the cursor stands at the beginning of the first: where a terminal becomes narrower
/// and breaks a line in two, clearing from the cursor on takes both away. All messages go through here, so that none is
/// ever appended to the line.
enum StatusLine {
  private struct Content {
    var parts: [StatusPart] = []
    var above: [String] = []
  }

  private static let content = Mutex(Content())
  /// Whether it stands on the screen; written under the lock only.
  private static let isVisible = Atomic<Bool>(false)

  /// Draws the line, in place of what it was; the terminal must be one that can redraw.
  ///
  /// - Parameter above: lines that stand above it, the first ones of them where the terminal has fewer rows.
  static func draw(_ parts: [StatusPart], above: [String] = []) {
    _ = watch
    content.withLock { content in
      content = Content(parts: parts, above: above)
      show(content)
    }
  }

  /// Does what writes text for people, after taking the line away.
  static func without<Result>(_ body: () -> Result) -> Result {
    content.withLock { _ in
      leave()
      isVisible.store(false, ordering: .relaxed)
      return body()
    }
  }

  /// Takes the line away for good; a signal handler that ends the process may call this.
  static func leave() {
    guard isVisible.load(ordering: .relaxed) else { return }
    _ = clearing.withUTF8Buffer { writeWhole(STDERR_FILENO, UnsafeRawBufferPointer($0)) }
  }

  /// From the first drawing on, the line follows the terminal's size, and none is left under the prompt of a command that
  /// a signal ends.
  private static let watch: Void = {
    TerminalSize.onChange { redraw() }
    for number in [SIGINT, SIGTERM, SIGHUP] {
      let previous = signal(number, leaveAndEnd)
      // A training has its own.
      if previous != nil { signal(number, previous) }
    }
  }()

  private static let leaveAndEnd: @convention(c) (Int32) -> Void = { number in
    leave()
    signal(number, SIG_DFL)
    raise(number)
  }

  private static func redraw() {
    content.withLock { content in
      if isVisible.load(ordering: .relaxed) { show(content) }
    }
  }

  /// A terminal that was hung up shows nothing, and is asked again with the next line.
  private static func show(_ content: Content) {
    let columns = TerminalSize.columns - 1
    let above = content.above.prefix(max(0, TerminalSize.rows - 2))
    let lines =
      above.map { String($0.prefix(columns: columns)) } + [fitted(content.parts, columns: columns)]
    let up = above.isEmpty ? "" : "\u{1B}[\(above.count)A"
    let text = "\(clearing)\(lines.joined(separator: "\n"))\r\(up)"
    isVisible.store(writeWhole(text, to: STDERR_FILENO), ordering: .relaxed)
  }

  private static let clearing: StaticString = "\r\u{1B}[J"

  /// The parts that fit, two blanks between them.
  private static func fitted(_ parts: [StatusPart], columns: Int) -> String {
    var parts = parts
    func width() -> Int { parts.reduce(-2) { $0 + $1.width + 2 } }
    while parts.count > 1, width() > columns,
      let least = parts.indices.min(by: { parts[$0].rank < parts[$1].rank })
    {
      parts.remove(at: least)
    }
    let cells = max(0, min(20, 5 + (columns - width()) / cellWidth))
    let line = parts.map { part in
      switch part.content {
      case .text(let text): text
      case .bar(let share): bar(share, cells: cells)
      }
    }.joined(separator: "  ")
    return String(line.prefix(columns: columns))
  }

  private static func bar(_ share: Double, cells: Int) -> String {
    let filled = Int(min(max(share, 0), 1) * Double(cells))
    return String(repeating: "█", count: filled) + String(repeating: "░", count: cells - filled)
  }
}

private let cellWidth = "█".displayWidth
