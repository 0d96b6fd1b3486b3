/// A file named for a result that must not, or cannot, be written.
package enum OutputError: ReportableError, Equatable {
  /// The output is a file that the command reads, perhaps by another name or link.
  case isInput(String, input: String)
  /// There is a file of this name, and nobody said that it may go.
  case exists(String)
  /// A folder stands there that has other files than such a result.
  case strangers(String, file: String)
  /// A folder stands there.
  case folder(String)
  /// Something that is neither a file nor can be written from beginning to end.
  case special(String, kind: String)

  /// A name that must be another one.
  package var category: ErrorCategory { .usage }

  /// One line.
  package var description: String { oneLine(text) }

  private var text: String {
    switch self {
    case .isInput(let path, let input):
      "the output \(path) is the input" + (path == input ? "" : " \(input)")
        + "; give it another name"
    case .exists(let path):
      "\(path) exists; give another name, or replace it with --force"
    case .strangers(let path, let file):
      "\(path) holds other things, as \(file), which nothing here replaces; give another name"
    case .folder(let path): "\(path) is a folder; give the name of a file in it"
    case .special(let path, let kind):
      "\(path) is \(kind), expected a file, a pipe or a terminal; give another name"
    }
  }
}
