import Foundation
import Ranks
import Synchronization

/// Ranks that are threads of one process.
package final class ThreadRanks: Ranks {
  package let rank: Int
  package let count: Int
  private let mail: Mail
  private let ending = Atomic<Bool>(false)

  private init(_ rank: Int, of count: Int, _ mail: Mail) {
    (self.rank, self.count, self.mail) = (rank, count, mail)
  }

  /// Runs `body` on so many ranks at once, and returns what each of them returns or throws.
  package static func run<Value>(
    _ count: Int, _ body: @escaping @Sendable (ThreadRanks) throws -> Value
  ) -> [Result<Value, any Error>] {
    let mail = Mail()
    nonisolated(unsafe) var results = [Result<Value, any Error>?](repeating: nil, count: count)
    let lock = NSLock()
    let group = DispatchGroup()
    for rank in 0..<count {
      group.enter()
      let thread = Thread {
        let result = Result { try body(ThreadRanks(rank, of: count, mail)) }
        lock.withLock { results[rank] = result }
        group.leave()
      }
      thread.stackSize = 8 << 20
      thread.start()
    }
    group.wait()
    return results.map { $0! }
  }

  package func exchange(
    _ sent: [Message<UnsafeRawBufferPointer>], _ received: [Message<UnsafeMutableRawBufferPointer>]
  ) {
    for message in sent { mail.post(Array(message.bytes), from: rank, to: message.rank) }
    for message in received { take(message.bytes, from: message.rank) }
  }

  private func take(_ bytes: UnsafeMutableRawBufferPointer, from sender: Int) {
    let message = mail.take(from: sender, to: rank)
    precondition(message.count == bytes.count, "a message of another length")
    bytes.copyBytes(from: message)
  }

  package func broadcast(_ bytes: UnsafeMutableRawBufferPointer) {
    guard rank == 0 else { return take(bytes, from: 0) }
    for receiver in 1..<count { mail.post(Array(bytes), from: 0, to: receiver) }
  }

  package func wait(patiently: Bool) {}

  package func limitWaiting(to seconds: Int) {}

  package func willEnd() { ending.store(true, ordering: .relaxed) }

  /// Whether all know that this one is going to end.
  package var isEnding: Bool { ending.load(ordering: .relaxed) }

  /// Messages under way. Unchecked: `condition` guards them.
  private final class Mail: @unchecked Sendable {
    private struct Route: Hashable { let sender, receiver: Int }
    private let condition = NSCondition()
    private var messages: [Route: [[UInt8]]] = [:]

    func post(_ message: [UInt8], from sender: Int, to receiver: Int) {
      condition.withLock {
        messages[Route(sender: sender, receiver: receiver), default: []].append(message)
        condition.broadcast()
      }
    }

    func take(from sender: Int, to receiver: Int) -> [UInt8] {
      condition.withLock {
        let route = Route(sender: sender, receiver: receiver)
        while messages[route, default: []].isEmpty { condition.wait() }
        return messages[route]!.removeFirst()
      }
    }
  }
}
