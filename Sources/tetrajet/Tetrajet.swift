import ArgumentParser
import Files
import Foundation
import MXCompute
import MXRuntime
import Training

/// The command and its subcommands.
struct Tetrajet: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tetrajet",
    abstract: "Train vision transformers in 4-bit MXFP4 on ordinary processors.",
    discussion: """
      Start with 'tetrajet demo'. Then train on your own images:

        tetrajet train --data FOLDER --output runs/first
        tetrajet eval runs/first
        tetrajet predict runs/first photo.jpg

      FOLDER has one folder of images a class, or train/ and test/ (or val/) of such, or tar archives of them;
      'tetrajet data FOLDER' looks at it.

      Exit status: 64 wrong usage or recipe, 65 bad data, 70 arithmetic broke down, 74 input/output; 129, \
      130 and 143: a training was stopped by SIGHUP, Ctrl-C or SIGTERM, and saved.
      Environment: TETRAJET_ISA forces an instruction set (\(Kernels.available.map(\.name).joined(separator: ", "))).
      """,
    version: "tetrajet \(Version.current)",
    subcommands: [
      DemoCommand.self, TrainCommand.self, EvalCommand.self, PredictCommand.self,
      SweepCommand.self, CompareCommand.self, ReportCommand.self, DataCommand.self,
      AugmentCommand.self,
      KeysCommand.self, ModelsCommand.self, QuantizeCommand.self, ExportCommand.self,
      VerifyCommand.self,
      TraceCommand.self, BenchCommand.self, ManualCommand.self,
    ])
}

/// The process: parses, runs, and turns every error into one line and an exit status.
@main
enum Main {
  static func main() {
    occupyClosedStandardStreams()
    // A reader that goes away (`| head`) must not kill a training; writes report the error instead.
    signal(SIGPIPE, SIG_IGN)
    // Nor must the shell's limit on the size of files.
    signal(SIGXFSZ, SIG_IGN)
    do {
      _ = try Kernels.chosen()
      let arguments = CommandLineAdvice.joiningNegativeNumbers(givenArguments())
      try CommandLineAdvice.checkSubcommand(arguments)
      var command = try Tetrajet.parseAsRoot(arguments)
      try command.run()
      RankGroup.leave(status: 0)
    } catch let error as any ReportableError {
      fail("\(error)", error.category.rawValue)
    } catch {
      let code = Tetrajet.exitCode(for: error)
      // What went wrong has been said.
      if let silent = error as? ExitCode {
        RankGroup.leave(status: silent.rawValue)
        exit(silent.rawValue)
      }
      if code == .success {
        // Help was asked for.
        do {
          try printLine(Tetrajet.fullMessage(for: error))
        } catch {
          fail("\(error)", ErrorCategory.inputOutput.rawValue)
        }
      } else {
        let command = CommandLine.arguments.dropFirst().first { !$0.hasPrefix("-") }
        let known = Tetrajet.configuration.subcommands.compactMap { $0.configuration.commandName }
        let help = command.map { known.contains($0) ? "tetrajet \($0)" : "tetrajet" } ?? "tetrajet"
        let message = Tetrajet.message(for: error).split(separator: "\n").joined(separator: " ")
        let key = command == "train" ? CommandLineAdvice.key(forUnknownOptionIn: message) : nil
        fail(
          message + (key.map { "; \($0)" } ?? "") + " (see '\(help) --help')",
          ErrorCategory.usage.rawValue)
      }
    }
  }

  private static func fail(_ message: String, _ status: Int32) -> Never {
    if RankGroup.speaks { writeError("tetrajet: \(message)\n") }
    RankGroup.leave(status: status)
    exit(status)
  }
}

/// The option that all subcommands share.
struct ThreadOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Threads; no result depends on them. (default: all)", valueName: "n"))
  var threads: Int?

  /// What the command computes on.
  func cpu() throws -> CPU { try CPU(threads: threads) }

  /// As many threads as are asked for.
  var count: Int { threads ?? ProcessorCount.current }

  func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads is \(threads); it must be from 1 to 1024")
    }
  }
}
