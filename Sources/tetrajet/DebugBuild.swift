import MXCompute

/// Says so where Swift or C were compiled without optimization, before anybody waits for it.
func noteDebugBuild() {
  guard !Kernels.isOptimized || isDebugBuild else { return }
  writeError(
    "This is a debug build, some twenty times slower: build with 'swift build -c release'.\n")
}

private var isDebugBuild: Bool {
  #if DEBUG
    true
  #else
    false
  #endif
}
