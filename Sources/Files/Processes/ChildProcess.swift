#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A program that this process has started and waits for.
///
/// It stays in this process's group, so that a terminal's Ctrl-C and Ctrl-Z reach both, and holds the far end of a
/// `Lifeline`, so that it need not outlive this process. Foundation's `Process` puts what it starts into a group of
/// its own, where nothing of that arrives.
package struct ChildProcess: ~Copyable, Sendable {
  /// How a process came to its end.
  package enum Ending: Sendable, Equatable {
    /// It left with an exit status.
    case exited(Int32)
    /// A signal killed it.
    case killed(Int32)
  }

  private let id: pid_t

  /// Starts a program with standard streams, working folder and group of this process.
  ///
  /// - Parameters:
  ///   - program: the path of its file.
  ///   - environment: what it finds there, beside what names the lifeline.
  ///   - log: a file that its output and its messages are appended to; nil for this process's streams.
  /// - Throws: `FileError` where it cannot be started.
  package init(
    _ program: String, _ arguments: [String], environment: [String: String], lifeline: Lifeline,
    log: String? = nil
  ) throws {
    let environment = environment.merging([Lifeline.variable: "\(lifeline.farEnd)"]) { $1 }
    var arguments: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) }
    var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0)=\($1)") }
    defer { for text in arguments + variables { free(text) } }
    arguments.append(nil)
    variables.append(nil)
    #if canImport(Darwin)
      var attributes: posix_spawnattr_t?
    #else
      var attributes = posix_spawnattr_t()
    #endif
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // Signals arrive there even if the thread that starts it lets none through.
    var nothing = sigset_t()
    sigemptyset(&nothing)
    posix_spawnattr_setsigmask(&attributes, &nothing)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t?
    #else
      var actions = posix_spawn_file_actions_t()
    #endif
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let log {
      posix_spawn_file_actions_addopen(
        &actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0o666)
      posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
    }
    var id: pid_t = 0
    let code = posix_spawn(&id, program, &actions, &attributes, arguments, variables)
    guard code == 0 else { throw FileError("run", program, code: code) }
    self.id = id
  }

  /// Waits for its end, through all signals.
  package consuming func wait() -> Ending {
    let ending = Self.wait(for: id)
    discard self
    return ending
  }

  // Nobody waits for it: it is ended, and leaves no entry in the system's table.
  deinit {
    kill(id, SIGKILL)
    _ = Self.wait(for: id)
  }

  private static func wait(for id: pid_t) -> Ending {
    var status: Int32 = 0
    while waitpid(id, &status, 0) < 0 {
      // Somebody else has waited for it, of which only a library would be capable.
      if errno != EINTR { return .exited(0) }
    }
    let signal = status & 0x7F
    return signal == 0 ? .exited(status >> 8 & 0xFF) : .killed(signal)
  }
}
