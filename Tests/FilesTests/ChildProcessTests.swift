import Files
import Foundation
import TestSupport
import Testing

@Suite("Processes that are started")
struct ChildProcessTests {
  private func ending(_ script: String) throws -> ChildProcess.Ending {
    try ChildProcess("/bin/sh", ["-c", script], environment: [:], lifeline: Lifeline()).wait()
  }

  @Test("end with a status or by a signal")
  func endings() throws {
    #expect(try ending("exit 0") == .exited(0))
    #expect(try ending("exit 143") == .exited(143))
    #expect(try ending("kill -9 $$") == .killed(SIGKILL))
  }

  @Test("that are not there are named")
  func missing() throws {
    #expect(throws: FileError("run", "/none/such", code: ENOENT)) {
      _ = try ChildProcess("/none/such", [], environment: [:], lifeline: Lifeline()).wait()
    }
  }

  @Test("learn through the lifeline that they shall stop, and then that nobody waits for them")
  func lifeline() throws {
    var lifeline: Lifeline? = try Lifeline()
    let farEnd = dup(try #require(lifeline).farEnd)
    defer { close(farEnd) }
    Lifeline.ask(try #require(lifeline).nearEnd)
    // Nobody takes the request out of the pipe: all who look see it.
    for _ in 0..<2 { #expect(Lifeline.next(farEnd, isAsked: false) == .stop) }
    lifeline = nil
    #expect(Lifeline.next(farEnd, isAsked: true) == .gone)
    #expect(Lifeline.farEnd("\(farEnd)") == farEnd)
    #expect(Lifeline.farEnd(nil) == nil && Lifeline.farEnd("x") == nil)
  }

  @Test("do not take a variable from afar for a lifeline: the number must be a pipe's")
  func stale() throws {
    try withTemporaryFolder { folder in
      let file = open("\(folder)/file", O_RDWR | O_CREAT, 0o600)
      #expect(Lifeline.farEnd("\(file)") == nil)
      close(file)
    }
  }
}
