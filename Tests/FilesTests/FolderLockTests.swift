import Files
import Foundation
import TestSupport
import Testing

@Suite("A folder's lock")
struct FolderLockTests {
  private func held(_ folder: String) throws -> FolderLock {
    guard case .held(let lock) = FolderLock.attempt(folder) else {
      throw Unexpected(what: "\(FolderLock.attempt(folder))")
    }
    return lock
  }

  private struct Unexpected: Error { let what: String }

  @Test("is held once, says by whom, and is gone with its holder, file and all")
  func once() throws {
    try withTemporaryFolder { folder in
      do {
        let lock = try held(folder)
        guard case .taken(let holder) = FolderLock.attempt(folder) else {
          Issue.record("it was held twice")
          return
        }
        #expect(holder.hasPrefix("process \(getpid()) on "))
        withExtendedLifetime(lock) {}
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
      _ = try held(folder)
    }
  }

  @Test("no program that is started meanwhile holds it on")
  func notInherited() throws {
    try withTemporaryFolder { folder in
      let lock = try held(folder)
      let name = "/.lock"
      // Wherever the system lists a process's open files.
      let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
      let own = open.compactMap(Int32.init).filter {
        let target = try? FileManager.default.destinationOfSymbolicLink(
          atPath: "/proc/self/fd/\($0)")
        return target?.hasSuffix(folder.suffix(40) + name) ?? false
      }
      #expect(own.count == (open.isEmpty ? 0 : 1))
      for handle in own { #expect(fcntl(handle, F_GETFD) & FD_CLOEXEC != 0) }
      withExtendedLifetime(lock) {}
    }
  }

  @Test("a file that a kill left behind means nothing")
  func leftBehind() throws {
    try withTemporaryFolder { folder in
      try Data("process 1 on moon".utf8).write(to: URL(fileURLWithPath: "\(folder)/.lock"))
      _ = try held(folder)
    }
  }

  @Test("of a folder that was moved away, it leaves alone what took its place")
  func moved() throws {
    try withTemporaryFolder { folder in
      let (old, new) = ("\(folder)/old", "\(folder)/new")
      let files = FileManager.default
      try files.createDirectory(atPath: old, withIntermediateDirectories: false)
      var lock: FolderLock? = try held(old)
      try files.moveItem(atPath: old, toPath: new)
      try files.createDirectory(atPath: old, withIntermediateDirectories: false)
      let second = try held(old)
      withExtendedLifetime(lock) {}
      lock = nil
      guard case .taken = FolderLock.attempt(old) else {
        Issue.record("the second folder's lock is gone")
        return
      }
      withExtendedLifetime(second) {}
      _ = try held(new)
    }
  }

  @Test("a folder that is not there, or has a link in the lock's place, is not locked")
  func impossible() throws {
    try withTemporaryFolder { folder in
      guard case .impossible(let error) = FolderLock.attempt("\(folder)/none") else {
        Issue.record("it was locked")
        return
      }
      #expect(error.code == ENOENT && error.path == "\(folder)/none/.lock")
      try FileManager.default.createSymbolicLink(
        atPath: "\(folder)/.lock", withDestinationPath: "\(folder)/elsewhere")
      guard case .impossible = FolderLock.attempt(folder) else {
        Issue.record("it was locked")
        return
      }
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/elsewhere"))
    }
  }

  @Test("a process that is started meanwhile does not inherit it")
  func inheritance() throws {
    try withTemporaryFolder { folder in
      let lifeline = try Lifeline()
      var lock: FolderLock? = try held(folder)
      // Ended with its variable.
      let child = try ChildProcess(
        "/bin/sh", ["-c", "exec sleep 1000"],
        environment: ProcessInfo.processInfo.environment, lifeline: lifeline)
      withExtendedLifetime(lock) {}
      lock = nil
      _ = try held(folder)
      withExtendedLifetime(child) {}
    }
  }
}
