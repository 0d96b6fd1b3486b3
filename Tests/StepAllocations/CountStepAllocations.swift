import CAllocationCounter
import MXCompute
import Training

/// Prints for each training what one of its steps allocates once it is warm, a line each: the name,
/// allocations of the process, and how many of them libdispatch makes for itself. With `--sites`,
/// where the others are made.
@main
enum CountStepAllocations {
  static func main() throws {
    guard allocation_counter_is_available() else {
      print("unavailable")
      return
    }
    let cpu = try CPU(threads: 2)
    let words = CommandLine.arguments.dropFirst().filter { !$0.hasPrefix("-") }
    for subject in try StepSubject.all where words.allSatisfy(subject.name.contains) {
      let sites = try subject.allocations(on: cpu)
      let own = sites.filter { !$0.isInDispatch }
      print("\(subject.name): \(own.count) allocations, \(sites.count - own.count) of libdispatch")
      if CommandLine.arguments.contains("--sites") { for site in own { print(site.description) } }
    }
  }
}
