import Foundation
import Testing

/// A new pseudo-terminal: what a command writes to its second end is read from the first.
///
/// The C library's functions are looked up by name: its module on Linux leaves them out.
final class PseudoTerminal {
  private let master: Int32
  private var slave: Int32

  init(columns: Int? = nil) throws {
    typealias OfDescriptor = @convention(c) (Int32) -> Int32
    typealias Name = @convention(c) (Int32) -> UnsafePointer<CChar>?
    let library = dlopen(nil, RTLD_NOW)
    func function<Function>(_ name: String, _: Function.Type) throws -> Function {
      unsafeBitCast(try #require(dlsym(library, name)), to: Function.self)
    }
    master = try function("posix_openpt", OfDescriptor.self)(O_RDWR | O_NOCTTY)
    try #require(master >= 0)
    _ = fcntl(master, F_SETFD, FD_CLOEXEC)
    for name in ["grantpt", "unlockpt"] {
      try #require(try function(name, OfDescriptor.self)(master) == 0)
    }
    slave = open(
      String(cString: try #require(try function("ptsname", Name.self)(master))),
      O_RDWR | O_NOCTTY | O_CLOEXEC)
    try #require(slave >= 0)
    if let columns { resize(columns: columns) }
  }

  deinit {
    close(master)
    if slave >= 0 { close(slave) }
  }

  /// Gives the window another width.
  func resize(columns: Int) {
    var size = winsize(ws_row: 24, ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    #expect(ioctl(master, UInt(TIOCSWINSZ), &size) == 0)
  }

  /// Starts the command with the terminal on its standard error.
  func start(
    _ arguments: [String], environment: [String: String] = [:]
  ) throws -> Process {
    let process = Process()
    process.executableURL = commandURL
    process.arguments = arguments
    let plain = ["TERM": "xterm-256color", "LC_ALL": "C.UTF-8"]
    process.environment = ProcessInfo.processInfo.environment.merging(plain) { $1 }
      .merging(environment) { $1 }
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle(fileDescriptor: slave, closeOnDealloc: false)
    try process.run()
    // From here on the command alone holds it.
    close(slave)
    slave = -1
    return process
  }

  /// Reads on until `isEnough` of what was read so far and now, or the command's end: with 0, or on Linux with EIO.
  func read(until isEnough: (String) -> Bool = { _ in false }) -> String {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while case let count = Foundation.read(master, &buffer, buffer.count), count > 0 {
      bytes += buffer.prefix(count)
      if isEnough(String(decoding: bytes, as: UTF8.self)) { break }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
