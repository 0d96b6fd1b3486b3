import Foundation
import TestSupport
import Testing

@Suite("On a terminal the command draws what the terminal can show", .serialized)
struct TerminalTests {
  private static func training(_ folder: String, epochs: Int) -> [String] {
    ["train", "--epochs", "\(epochs)", "--method", "fp32", "--output", "\(folder)/run"]
  }

  /// What a short training writes to a terminal.
  private static func training(
    columns: Int? = nil, environment: [String: String]
  ) throws -> String {
    try withTemporaryFolder { folder in
      let terminal = try PseudoTerminal(columns: columns)
      let process = try terminal.start(
        training(folder, epochs: 12), environment: environment)
      let text = terminal.read()
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      return text
    }
  }

  /// What is drawn and written after each clearing of the line: bars, which end at the line's beginning, and messages.
  private static func drawings(_ text: String) -> (bars: [String], messages: [String]) {
    let parts = text.components(separatedBy: "\r\u{1B}[J").dropFirst()
    let bars = parts.filter { $0.hasSuffix("\r") }.map { String($0.dropLast()) }
    return (bars, parts.filter { !$0.hasSuffix("\r") })
  }

  @Test("a bar moves, without colours, and NO_COLOR leaves it", arguments: ["", "1"])
  func bar(noColor: String) throws {
    let text = try Self.training(columns: 100, environment: ["NO_COLOR": noColor])
    let bars = Self.drawings(text).bars
    #expect(bars.contains { $0.contains("░") && $0.contains("images/s") }, "\(text)")
    // Once an epoch has been evaluated, the bar says how well.
    #expect(bars.contains { $0.contains("top-1") }, "\(text)")
    // Every escape sequence clears the line; those of colours end in m.
    let sequences = text.components(separatedBy: "\u{1B}").dropFirst()
    #expect(!sequences.isEmpty && sequences.allSatisfy { $0.hasPrefix("[J") }, "\(text)")
  }

  @Test("the bar fits the terminal, and shows what matters most", arguments: [20, 40, 80, 89, 136])
  func width(columns: Int) throws {
    let text = try Self.training(columns: columns, environment: [:])
    let (bars, messages) = Self.drawings(text)
    func hasBar(_ text: String) -> Bool { text.contains { "█░".contains($0) } }
    #expect(!bars.isEmpty && bars.allSatisfy { $0.count < columns }, "\(text)")
    #expect(bars.allSatisfy { $0.contains(" %") && $0.contains(" left") }, "\(text)")
    #expect(columns < 40 || bars.allSatisfy { $0.contains("epoch ") && hasBar($0) })
    #expect(columns < 80 || bars.allSatisfy { $0.contains("loss ") })
    #expect(columns < 136 || bars.allSatisfy { $0.contains("images/s") })
    // No message is on a bar's line.
    #expect(!messages.isEmpty && messages.allSatisfy { !hasBar($0) && $0.hasSuffix("\r\n") })
  }

  @Test(
    "a sweep's table stands above the line, fits the terminal, and is drawn over from its first line"
  )
  func liveTable() throws {
    try withTemporaryFolder { folder in
      try Data("set: {training.epochs: 3}\naxes: {method: [fp32, tetrajet, int4]}\n".utf8)
        .write(to: URL(fileURLWithPath: "\(folder)/grid.yaml"))
      let terminal = try PseudoTerminal(columns: 70)
      let process = try terminal.start(["sweep", "\(folder)/grid.yaml", "-o", "\(folder)/s"])
      let text = terminal.read()
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      let blocks = text.components(separatedBy: "\r\u{1B}[J").compactMap { part in
        part.wholeMatch(of: #/((?s).*)\r\u{1B}\[(\d+)A/#)
      }
      #expect(blocks.count >= 3, "\(text)")
      for block in blocks {
        let lines = String(block.output.1).components(separatedBy: "\r\n")
        // The cursor goes back to the first line.
        #expect(lines.count - 1 == Int(block.output.2), "\(lines)")
        #expect(lines.allSatisfy { $0.count < 70 } && lines.count <= 23)
        #expect(lines[0].hasPrefix("row ") && lines.last?.contains(" of 3") == true, "\(lines)")
        #expect(lines.contains { $0.hasPrefix("tetrajet") && $0.contains("  ") })
      }
      let running = blocks.compactMap {
        String($0.output.1).components(separatedBy: "\r\n").dropLast().last
      }
      #expect(
        running.contains { $0.hasPrefix("tetrajet-0") }
          && running.contains { $0.hasPrefix("int4-0") })
      // Messages have lines of their own.
      for number in 1...3 { #expect(text.contains("\u{1B}[J\(number) of 3: ")) }
    }
  }

  @Test("block characters count as two columns where they may be that wide")
  func wideBlocks() throws {
    let text = try Self.training(columns: 60, environment: ["LC_ALL": "ja_JP.UTF-8"])
    let bars = Self.drawings(text).bars
    #expect(bars.contains { $0.contains("█") }, "\(text)")
    #expect(bars.allSatisfy { $0.count + $0.count { "█░".contains($0) } < 60 }, "\(text)")
  }

  @Test("the bar follows the terminal to another width, and a message on stopping has its own line")
  func resize() throws {
    try withTemporaryFolder { folder in
      let terminal = try PseudoTerminal(columns: 136)
      let process = try terminal.start(Self.training(folder, epochs: 100_000))
      let wide = terminal.read { Self.drawings($0).bars.contains { $0.count > 60 } }
      #expect(Self.drawings(wide).bars.contains { $0.count > 60 }, "\(wide)")
      terminal.resize(columns: 40)
      func narrow(_ text: String) -> ArraySlice<String> {
        // What was on its way is as wide as the terminal was.
        Self.drawings(text).bars.drop { $0.count >= 40 }
      }
      let text = terminal.read { narrow($0).count > 5 }
      kill(process.processIdentifier, SIGINT)
      let rest = terminal.read()
      process.waitUntilExit()
      #expect(process.terminationStatus == 130)
      let bars = narrow(text + rest)
      #expect(bars.count > 5 && bars.allSatisfy { $0.count < 40 }, "\(text + rest)")
      let last = try #require(Self.drawings(text + rest).messages.last)
      #expect(last.hasPrefix("stopped after step"), "\(rest)")
    }
  }

  @Test("a training whose terminal is hung up goes on to its end")
  func hungUp() throws {
    try withTemporaryFolder { folder in
      var terminal: PseudoTerminal? = try PseudoTerminal()
      let process = try #require(try terminal?.start(Self.training(folder, epochs: 12)))
      _ = terminal?.read { $0.contains("\u{1B}[J") }
      terminal = nil
      process.waitUntilExit()
      #expect(process.terminationReason == .exit && process.terminationStatus == 0)
      #expect(FileManager.default.fileExists(atPath: "\(folder)/run/summary.json"))
    }
  }

  @Test("a dumb terminal gets a line an epoch and no control characters", arguments: ["dumb", ""])
  func dumb(name: String) throws {
    let text = try Self.training(environment: ["TERM": name])
    #expect(text.contains("epoch 12: train loss") && !text.contains("░"), "\(text)")
    // The terminal itself turns line feeds into CR LF.
    let controls = text.replacing("\r\n", with: "").unicodeScalars.filter { $0.value < 32 }
    #expect(controls.isEmpty, "\(text)")
  }
}
