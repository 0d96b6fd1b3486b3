import ArgumentParser
import MXRuntime

/// The option that bounds what a run may take of memory.
struct MemoryOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Refuse a run that takes more memory, as in 4GiB.", valueName: "size"))
  var memoryLimit: String?

  /// The limit that was asked for; nil for the process's own.
  func limit() throws -> MemoryLimit? {
    guard let memoryLimit else { return nil }
    guard let mebibytes = MemoryLimit.mebibytes(memoryLimit) else {
      throw ValidationError(
        "--memory-limit is '\(memoryLimit)'; it must be \(MemoryLimit.expectedSize)")
    }
    return MemoryLimit(mebibytes: mebibytes, source: "--memory-limit")
  }
}
