// In a build with -DCOVERAGE_GUIDED and --sanitize=fuzzer, libFuzzer's own main runs the cases: it
// keeps those that reach code that no other one has reached.
#if COVERAGE_GUIDED
  import Foundation
  import Fuzzing

  /// The reader that TETRAJET_FUZZ names.
  nonisolated(unsafe) private var campaign: FuzzCampaign = {
    let environment = ProcessInfo.processInfo.environment
    let folder = environment["TETRAJET_FUZZ_FOLDER"] ?? NSTemporaryDirectory()
    do {
      let targets = try FuzzTarget.all(in: folder)
      guard let target = targets.first(where: { $0.name == environment["TETRAJET_FUZZ"] }) else {
        fatalError("TETRAJET_FUZZ must be one of \(targets.map(\.name))")
      }
      return FuzzCampaign(target, seed: 0)
    } catch {
      fatalError("\(error)")
    }
  }()

  /// Valid files to start from, written where libFuzzer is told to look for them.
  @_cdecl("LLVMFuzzerInitialize")
  public func initialize(
    _ count: UnsafeMutablePointer<CInt>, _ arguments: OpaquePointer
  ) -> CInt {
    if let corpus = ProcessInfo.processInfo.environment["TETRAJET_FUZZ_CORPUS"] {
      do { try campaign.writeSeeds(to: corpus) } catch { fatalError("\(error)") }
    }
    return 0
  }

  /// Runs one case; a broken promise ends the process, and libFuzzer keeps the case.
  @_cdecl("LLVMFuzzerTestOneInput")
  public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do {
      try campaign.run([UInt8](UnsafeBufferPointer(start: bytes, count: count)))
    } catch {
      fatalError("\(error)")
    }
    if let finding = campaign.report.findings.first { fatalError(finding) }
    return 0
  }
#endif
