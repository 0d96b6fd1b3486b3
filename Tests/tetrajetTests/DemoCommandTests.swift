import Files
import Foundation
import TestSupport
import Testing

@Suite("The demo leaves nothing behind, however it ends", .serialized, .timeLimit(.minutes(5)))
struct DemoCommandTests {
  /// Starts a demo that lasts until it is stopped, and waits until its first training has begun.
  private func running(_ folder: String, _ arguments: [String] = []) throws -> Process {
    let process = try start(
      ["demo", "--epochs", "100000"] + arguments, environment: ["TMPDIR": folder],
      errors: "\(folder)/errors")
    let hasBegun = wait(for: process) {
      demoFolders(folder).contains {
        $0.hasPrefix("tetrajet-demo-\(process.processIdentifier)-")
          && lines("\(folder)/\($0)/study/runs/fp32-0/metrics.jsonl") > 0
      }
    }
    try #require(hasBegun)
    return process
  }

  private func demoFolders(_ folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
      .filter { $0.hasPrefix("tetrajet-demo-") }
  }

  /// Waits for what must come true; the suite's limit of time ends it where it never does.
  private func eventually(_ condition: () -> Bool) -> Bool {
    while !condition(), !Task.isCancelled { usleep(500) }
    return condition()
  }

  private func isLocked(_ run: String) -> Bool {
    if case .taken = FolderLock.attempt(run) { true } else { false }
  }

  @Test(
    "stopped by a signal, it takes its training along, waits for it and removes its folder",
    arguments: [SIGINT, SIGTERM, SIGHUP])
  func stopped(signal: Int32) throws {
    try withTemporaryFolder { folder in
      let process = try running(folder)
      kill(process.processIdentifier, signal)
      process.waitUntilExit()
      #expect(process.terminationReason == .exit && process.terminationStatus == 128 + signal)
      #expect(demoFolders(folder).isEmpty)
      let errors = text("\(folder)/errors")
      #expect(errors.hasSuffix("\nstopped; nothing is kept\n"), "\(errors)")
    }
  }

  #if os(Linux)
    @Test("Ctrl-C reaches both, and stops them once")
    func controlC() throws {
      try withTemporaryFolder { folder in
        let process = try running(folder)
        // As a terminal does; Foundation has made the demo the first of its group.
        kill(-process.processIdentifier, SIGINT)
        process.waitUntilExit()
        #expect(process.terminationStatus == 130 && demoFolders(folder).isEmpty)
        #expect(text("\(folder)/errors").contains("\nstopped; nothing is kept\n"))
        #expect(kill(-process.processIdentifier, 0) == -1 && errno == ESRCH)
      }
    }
  #endif

  @Test("killed, it takes its training along, and the next one removes its folder")
  func killed() throws {
    try withTemporaryFolder { folder in
      let process = try running(folder)
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      let left = try #require(demoFolders(folder).first)
      let log = "\(folder)/\(left)/study/logs/fp32-0.log"
      #expect(eventually { text(log).contains("which is saved") })
      #expect(eventually { !isLocked("\(folder)/\(left)/study/runs/fp32-0") })
      // A running demo keeps its own.
      let other = try running(folder)
      #expect(!demoFolders(folder).contains(left) && demoFolders(folder).count == 1)
      let third = try tetrajet("demo", "--epochs", "0", environment: ["TMPDIR": folder])
      #expect(third.status == 64 && demoFolders(folder).count == 1)
      kill(other.processIdentifier, SIGTERM)
      other.waitUntilExit()
      #expect(demoFolders(folder).isEmpty)
    }
  }
}
