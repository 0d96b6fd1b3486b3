import ArgumentParser
import Files
import Training

/// What people type and the argument parser takes for something else.
enum CommandLineAdvice {
  /// The arguments with negative numbers as the values of the options before them: the parser takes `-1` in
  /// `--epochs -1` for an option and misses a value, instead of leaving the key to say what it allows.
  static func joiningNegativeNumbers(_ arguments: [String]) -> [String] {
    var result: [String] = []
    for (index, argument) in arguments.enumerated() {
      let isNumber =
        argument.hasPrefix("-") && (argument.dropFirst().first { $0 != "." }?.isNumber ?? false)
      guard isNumber, let option = result.last, option.hasPrefix("--"), option != "--",
        !option.contains("="), !arguments[..<index].contains("--")
      else {
        result.append(argument)
        continue
      }
      result[result.count - 1] = "\(option)=\(argument)"
    }
    return result
  }

  /// Refuses a word that stands where a subcommand does and is none.
  ///
  /// - Throws: `ValidationError` with the nearest name.
  static func checkSubcommand(_ arguments: [String]) throws {
    var command: any ParsableCommand.Type = Tetrajet.self
    for word in arguments {
      let subcommands = command.configuration.subcommands
      guard !subcommands.isEmpty, !word.hasPrefix("-"), word != "help" else { return }
      let names = subcommands.map { $0.configuration.commandName ?? "" }
      guard let index = names.firstIndex(of: word) else {
        let path =
          command == Tetrajet.self
          ? "tetrajet" : "tetrajet \(command.configuration.commandName ?? "")"
        let shown = subcommands.filter { $0.configuration.shouldDisplay }
          .compactMap { $0.configuration.commandName }
        throw ValidationError(
          "\(path) has no command '\(word)'; "
            + (nearestName(to: word, among: shown).map { "did you mean '\($0)'?" }
              ?? "the commands are " + shown.joined(separator: ", ")))
      }
      command = subcommands[index]
    }
  }

  /// How to set the recipe key that an unknown option of `train` is called after; nil where none is.
  ///
  /// - Parameter message: the parser's, of which the option is read.
  static func key(forUnknownOptionIn message: String) -> String? {
    guard let option = message.firstMatch(of: /Unknown option '--([a-z0-9-]+)/)?.1 else {
      return nil
    }
    let word = option.replacing("-", with: "_")
    let keys = RecipeKey.names.filter { $0 == word || $0.hasSuffix(".\(word)") }
    return keys.first.map { "the recipe key of that name is set with --set \($0)=VALUE" }
  }
}
