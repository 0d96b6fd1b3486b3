import Files
import Foundation

/// What the command was called with, without its own name: names of files that are no UTF-8 as `RawName` writes them,
/// where Swift's own list would have other names in their place.
func givenArguments() -> [String] {
  (1..<max(1, Int(CommandLine.argc))).compactMap { number in
    CommandLine.unsafeArgv[number].map { start in
      RawName.string(UnsafeRawBufferPointer(start: start, count: strlen(start)))
    }
  }
}
