import Foundation
import TestSupport
import Testing

@Suite("On a terminal the command draws what the terminal can show", .serialized)
struct TerminalTests {
  /// The two ends of a new pseudo-terminal: what is written to the second is read from the first.
  ///
  /// The C library's functions are looked up by name: its module on Linux leaves them out.
  private static func pseudoTerminal() throws -> (master: Int32, slave: Int32) {
    typealias OfDescriptor = @convention(c) (Int32) -> Int32
    typealias Name = @convention(c) (Int32) -> UnsafePointer<CChar>?
    let library = dlopen(nil, RTLD_NOW)
    func function<Function>(_ name: String, _: Function.Type) throws -> Function {
      unsafeBitCast(try #require(dlsym(library, name)), to: Function.self)
    }
    let master = try function("posix_openpt", OfDescriptor.self)(O_RDWR | O_NOCTTY)
    try #require(master >= 0)
    for name in ["grantpt", "unlockpt"] {
      try #require(try function(name, OfDescriptor.self)(master) == 0)
    }
    let slave = open(
      String(cString: try #require(try function("ptsname", Name.self)(master))), O_RDWR | O_NOCTTY)
    try #require(slave >= 0)
    return (master, slave)
  }

  /// What a short training writes to a terminal (a pseudo-terminal on its standard error).
  static func training(environment: [String: String]) throws -> String {
    try withTemporaryFolder { folder in
      let (master, slave) = try pseudoTerminal()
      let process = Process()
      process.executableURL = commandURL
      process.arguments = [
        "train", "--epochs", "12", "--method", "fp32", "--output", "\(folder)/run",
      ]
      process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle(fileDescriptor: slave, closeOnDealloc: false)
      try process.run()
      close(slave)
      var text: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 4096)
      // Once the command has gone, reading ends: with 0, or on Linux with EIO.
      while case let count = read(master, &buffer, buffer.count), count > 0 {
        text += buffer.prefix(count)
      }
      close(master)
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      return String(decoding: text, as: UTF8.self)
    }
  }

  @Test("a bar moves, without colours, and NO_COLOR leaves it", arguments: ["", "1"])
  func bar(noColor: String) throws {
    let text = try Self.training(environment: ["TERM": "xterm-256color", "NO_COLOR": noColor])
    #expect(text.contains("░") && text.contains("images/s"), "\(text)")
    // Once an epoch has been evaluated, the bar says how well.
    let bars = text.components(separatedBy: "\r").filter { $0.contains("░") }
    #expect(bars.contains { $0.contains("top-1") }, "\(text)")
    // Every escape sequence clears the line; those of colours end in m.
    let sequences = text.components(separatedBy: "\u{1B}").dropFirst()
    #expect(!sequences.isEmpty && sequences.allSatisfy { $0.hasPrefix("[K") }, "\(text)")
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
