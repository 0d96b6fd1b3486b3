// The files of this folder are the only Swift that knows CMXKernels.
import CMXKernels
import MXFormats

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The SIMD kernels of one instruction set. All sets give the same bits.
///
/// Every kernel works on the slice it is given, on the calling thread; `CPU` slices.
package struct Kernels: Sendable {
  // Sound: a table is filled before anybody has it, and never again.
  nonisolated(unsafe) let table: UnsafePointer<tj_kernels>
  /// Whether they are the best ones where they are available.
  private let isPreferred: Bool

  /// The instruction set's name, as `TETRAJET_ISA` takes it.
  package var name: String { String(cString: table.pointee.name) }

  /// The instruction sets of this build that this processor has, best first.
  package static let available: [Kernels] = {
    var result: [Kernels] = []
    var index = 0
    while let set = tj_instruction_set_at(index) {
      index += 1
      if set.pointee.is_available() == 0 { continue }
      // It lasts as long as the process.
      let table = UnsafeMutablePointer<tj_kernels>.allocate(capacity: 1)
      tj_fill(set, table)
      let isPreferred = set.pointee.is_preferred.map { $0() != 0 } ?? true
      result.append(Kernels(table: table, isPreferred: isPreferred))
    }
    return result
  }()

  /// The set that `TETRAJET_ISA` names, or the best one there is: the first that is not slower here than what it replaces.
  ///
  /// - Throws: `UnknownInstructionSet` where the environment names one that is not available.
  package static func chosen() throws(UnknownInstructionSet) -> Kernels {
    guard let forced = getenv("TETRAJET_ISA").map({ String(cString: $0) }), !forced.isEmpty else {
      return available.first(where: \.isPreferred) ?? available[0]
    }
    guard let kernels = available.first(where: { $0.name == forced }) else {
      throw UnknownInstructionSet(name: forced, available: available.map(\.name))
    }
    return kernels
  }

  /// Whether the compiler optimized the kernels; a debug build does not.
  package static var isOptimized: Bool { tj_is_optimized() != 0 }
}

/// `TETRAJET_ISA` names an instruction set that this processor or build does not have: what `CPU.init` throws.
public struct UnknownInstructionSet: Error, Equatable, CustomStringConvertible {
  /// What was asked for.
  public let name: String
  /// What there is.
  public let available: [String]
  /// One line.
  public var description: String {
    "TETRAJET_ISA is '\(name)', which is not available here; choose from "
      + available.joined(separator: ", ")
  }
}
