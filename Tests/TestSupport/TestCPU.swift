import MXCompute
import MXRuntime

/// What tests compute on that ask for nothing in particular: all processors, and the instruction set that a program gets.
package let cpu: CPU = {
  do { return try CPU() } catch { fatalError("\(error)") }
}()

extension CPU {
  /// The instruction sets that can be tested here.
  package static var available: [CPU] {
    Kernels.available.map { CPU(threads: ProcessorCount.current, kernels: $0) }
  }

  /// Their names.
  package static var names: [String] { available.map(\.name) }

  /// The processor by the instruction set of a name.
  package static func named(_ name: String) -> CPU? { available.first { $0.name == name } }

  /// The same on so many threads.
  package func on(threads: Int) -> CPU { CPU(threads: threads, kernels: kernels) }
}
