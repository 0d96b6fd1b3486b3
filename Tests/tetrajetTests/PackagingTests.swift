import Files
import Foundation
import TestSupport
import Testing
import Training

@Suite("The version, the manual page, completions and the command alone", .serialized)
struct PackagingTests {
  /// The package's folder.
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../..").standardized.path

  static func text(_ file: String) throws -> String {
    String(decoding: try readFile("\(root)/\(file)"), as: UTF8.self)
  }

  @Test(
    "the version is the same in --version, the change log, the citation, the summary, checkpoints and the report"
  )
  func version() throws {
    let version = Version.current
    let printed = try tetrajet("--version")
    #expect(printed.status == 0 && printed.output == "tetrajet \(version)\n")
    let changes = try Self.text("CHANGELOG.md")
    #expect(
      changes.split(separator: "\n").first { $0.hasPrefix("## ") }?.hasPrefix("## \(version)")
        == true)
    #expect(try Self.text("CITATION.cff").contains("\nversion: \(version)\n"))
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      let result = try tetrajet(
        "train", "--data", "digits", "--epochs", "1", "--set", "model.depth=1", "--output", run)
      #expect(result.status == 0, "\(result.errors)")
      #expect(try RunSummary(path: "\(run)/summary.json").version == version)
      for file in ["last.safetensors", "resume.safetensors"] {
        let metadata = try SafetensorsFile(path: "\(run)/\(file)").metadata
        #expect(metadata["tetrajet.version"] == version, "\(file)")
      }
      let page = try tetrajet("report", run, "-o", "\(folder)/report.html")
      #expect(page.status == 0, "\(page.errors)")
      let html = String(decoding: try readFile("\(folder)/report.html"), as: UTF8.self)
      #expect(html.contains("<li>TetraJet \(version)</li>"))
      #expect(html.contains("content='TetraJet \(version)'"))
    }
  }

  @Test(
    "the manual page has every subcommand that the help lists, and nothing that roff would swallow")
  func manual() throws {
    let page = try tetrajet("manual")
    #expect(page.status == 0)
    let help = try tetrajet("--help").output.split(separator: "SUBCOMMANDS:")
    let names = try #require(help.last).split(separator: "\n").compactMap { line in
      line.hasPrefix("  ") && !line.hasPrefix("   ") ? line.split(separator: " ").first : nil
    }.filter { $0.first?.isLowercase == true }
    #expect(names.count > 10 && !names.contains("manual"))
    for name in names {
      #expect(page.output.contains("\n.SH TETRAJET \(name.uppercased())\n"), "\(name)")
    }
    #expect(page.output.contains("\n.B \\-\\-backward\\-rounding <backward\\-rounding>\n"))
    let macros = Set(
      page.output.split(separator: "\n").filter { $0.first == "." || $0.first == "'" }
        .map { $0.prefix { $0 != " " } })
    #expect(
      macros.isSubset(of: [".TH", ".SH", ".PP", ".TP", ".B", ".I", ".nf", ".fi"]), "\(macros)")
  }

  @Test("completions know subcommands, methods and keys", arguments: ["bash", "zsh", "fish"])
  func completions(shell: String) throws {
    let script = try tetrajet("--generate-completion-script", shell)
    #expect(script.status == 0)
    for word in ["demo", "tetrajet+qema+qramping", "optimizer.learning_rate="] {
      #expect(script.output.contains(word), "\(word)")
    }
    #expect(!script.output.contains("manual"))
  }

  @Test("the command runs without anything beside it")
  func alone() throws {
    try withTemporaryFolder { folder in
      let copy = URL(fileURLWithPath: "\(folder)/tetrajet")
      try FileManager.default.copyItem(at: commandURL, to: copy)
      let process = try start(["data", "digits"], output: "\(folder)/out", program: copy)
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      let text = String(decoding: try readFile("\(folder)/out"), as: UTF8.self)
      #expect(text.contains("1437"))
    }
  }
}
