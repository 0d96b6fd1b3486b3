import Files
import Foundation

/// Writes a line of results to standard output, past every buffer, so that whoever reads a pipe has it at once.
///
/// - Throws: `FileError` (exit status 74) where the line cannot be written whole: standard output is closed, full, or a pipe
///   that nobody reads any more.
func printLine(_ text: String) throws {
  let error = StatusLine.without {
    writeWhole(text + "\n", to: STDOUT_FILENO) ? nil : FileError("write", "standard output")
  }
  if let error { throw error }
}

/// Writes to standard error as it is, without a line break.
///
/// Where nobody can read it (closed, full, a broken pipe, a terminal that was hung up) the text is lost and nothing
/// else: a message is not worth a night's training.
func writeError(_ text: String) {
  StatusLine.without { _ = writeWhole(text, to: STDERR_FILENO) }
}

/// Writes a text to a standard stream; returns whether all of it was written, or leaves the reason in `errno`.
func writeWhole(_ text: String, to handle: Int32) -> Bool {
  var text = text
  return text.withUTF8 { writeWhole(handle, UnsafeRawBufferPointer($0)) }
}

/// Takes the numbers of standard streams that the process was started without, so that no file it opens gets one of them
/// and with it what is meant for the stream.
///
/// Each becomes /dev/null, opened the wrong way round: reading from or writing to the stream still fails.
func occupyClosedStandardStreams() {
  for (handle, mode) in [
    (STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY),
  ] where fcntl(handle, F_GETFD) == -1 {
    // The lowest number that is free, which is this one, as those below are taken.
    _ = open("/dev/null", mode)
  }
}
