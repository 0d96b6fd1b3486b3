import Foundation
import TestSupport
import Testing

@Suite("What a training step allocates")
struct StepAllocationTests {
  /// `count-step-allocations`, a process of its own: in this one tests allocate beside each other.
  @Test(
    "a warm training step asks nothing of the heap, whatever the model, the method and the engine")
  func steps() throws {
    let result = try runBuilt("count-step-allocations", [])
    #expect(result.status == 0, "\(result.errors)")
    if result.output == "unavailable\n" { return }
    let lines = result.output.split(separator: "\n")
    #expect(lines.count > 30)
    for line in lines where !line.contains(": 0 allocations, ") {
      Issue.record("\(line); where, count-step-allocations --sites says")
    }
  }
}
