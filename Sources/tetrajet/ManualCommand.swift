import ArgumentParser
import Files
import Training

/// Prints the manual page, for `make install`. Its text is the help's: one list of options, not two.
struct ManualCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "manual", abstract: "Print the manual page, for man(1).", shouldDisplay: false)

  func run() throws {
    let help = try parseJSON(Tetrajet._dumpHelp().utf8, as: HelpTree.self)
    try printLine(ManualPage(help.command).text)
  }
}

/// What the argument parser says of the command, as `--experimental-dump-help` prints it.
private struct HelpTree: Decodable {
  let command: Command

  struct Command: Decodable {
    let commandName: String
    let abstract, discussion: String?
    let shouldDisplay: Bool
    let subcommands: [Command]?
    let arguments: [Argument]?
  }

  struct Argument: Decodable {
    struct Name: Decodable {
      let kind, name: String

      var text: String { (kind == "long" ? "--" : "-") + name }
    }
    let kind: String
    let shouldDisplay: Bool
    let names: [Name]?
    let valueName, defaultValue, abstract: String?
  }
}

/// A page for man(1), in the macros of man(7), which every system's man reads.
private struct ManualPage {
  private let command: HelpTree.Command

  init(_ command: HelpTree.Command) { self.command = command }

  var text: String {
    let shown = (command.subcommands ?? []).filter { $0.shouldDisplay && $0.commandName != "help" }
    var lines = [
      ".TH TETRAJET 1 \"\" \"TetraJet \(Version.current)\" \"User commands\"", ".SH NAME",
      "tetrajet \\- \(Self.escaped(command.abstract ?? ""))", ".SH SYNOPSIS",
      ".B tetrajet", ".I subcommand", "[\\fIarguments\\fR]", ".SH DESCRIPTION",
    ]
    lines += Self.paragraphs(command.discussion)
    lines += [
      ".PP", Self.escaped("Every subcommand knows --help, and the command --version."),
    ]
    for subcommand in shown { lines += Self.section(subcommand, "tetrajet") }
    return lines.joined(separator: "\n")
  }

  /// A subcommand, and below it its own.
  private static func section(_ command: HelpTree.Command, _ above: String) -> [String] {
    let name = "\(above) \(command.commandName)"
    var lines = [".SH \(escaped(name.uppercased()))", escaped(command.abstract ?? "")]
    lines += [".PP", ".B \(escaped(name))"] + usage(command).map(escaped)
    lines += paragraphs(command.discussion)
    for argument in command.arguments ?? [] where argument.shouldDisplay && !isShared(argument) {
      lines += [".TP", ".B \(escaped(label(argument)))", escaped(argument.abstract ?? "")]
      if let value = argument.defaultValue { lines.append(escaped("(default: \(value))")) }
    }
    for subcommand in command.subcommands ?? []
    where subcommand.shouldDisplay && subcommand.commandName != "help" {
      lines += section(subcommand, name)
    }
    return lines
  }

  /// Whether every subcommand has it: the page need not say it a dozen times.
  private static func isShared(_ argument: HelpTree.Argument) -> Bool {
    (argument.names ?? []).contains { ["help", "version"].contains($0.name) }
  }

  /// The arguments that are not options, and that there are options.
  private static func usage(_ command: HelpTree.Command) -> [String] {
    let positional = (command.arguments ?? []).filter {
      $0.kind == "positional" && $0.shouldDisplay
    }
    return positional.map { "<\($0.valueName ?? "")>" } + ["[options]"]
  }

  private static func label(_ argument: HelpTree.Argument) -> String {
    let value = argument.valueName.map { "<\($0)>" } ?? ""
    guard let names = argument.names, !names.isEmpty else { return value }
    let text = names.map(\.text).joined(separator: ", ")
    return argument.kind == "option" ? "\(text) \(value)" : text
  }

  /// Text that is set line by line: the help's own lines, whose indents show what is a command or a list.
  private static func paragraphs(_ text: String?) -> [String] {
    guard let text, !text.isEmpty else { return [] }
    return [".PP"]
      + text.split(separator: "\n", omittingEmptySubsequences: false).flatMap { line -> [String] in
        if line.allSatisfy(\.isWhitespace) { return [".PP"] }
        // A line with an indent stands for itself.
        return line.first == " " ? [".nf", escaped(String(line)), ".fi"] : [escaped(String(line))]
      }
  }

  /// Without what roff would take for its own: backslashes, dashes, and a dot or quote that begins a line.
  private static func escaped(_ text: String) -> String {
    let text = text.split(separator: "\n").joined(separator: " ")
      .replacing("\\", with: "\\e").replacing("-", with: "\\-")
    return text.first == "." || text.first == "'" ? "\\&" + text : text
  }
}
