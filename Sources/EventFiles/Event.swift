import Files

/// One record of an event file: what TensorBoard's schema calls `Event`.
///
/// wall_time = 1, step = 2, file_version = 3, summary = 5 with its values = 1, source_metadata = 10
/// with its writer = 1.
package enum Event {
  /// Who writes: by this name a file of the project's own is known from others.
  private static let writer = "tetrajet"

  /// The first event of a file: the version of the format, and who writes.
  package static func head(seconds: Double) -> [UInt8] {
    var source = ProtobufWriter()
    source.add(1, writer)
    var event = ProtobufWriter()
    event.add(1, seconds)
    event.add(3, "brain.Event:2")
    event.add(10, source)
    return event.bytes
  }

  /// An event with the values of a step, at so many seconds since 1970.
  package static func summary(_ values: [EventValue], step: Int, seconds: Double) -> [UInt8] {
    var summary = ProtobufWriter()
    for value in values { summary.add(1, value.message) }
    var event = ProtobufWriter()
    event.add(1, seconds)
    event.add(2, step)
    event.add(5, summary)
    return event.bytes
  }

  /// The step of an event; 0 where it names none.
  static func step(of event: ArraySlice<UInt8>) -> Int {
    guard case .integer(let step)? = field(2, of: event) else { return 0 }
    return Int(truncatingIfNeeded: step)
  }

  /// Whether an event is the first of a file that this project wrote.
  static func isHead(_ event: ArraySlice<UInt8>) -> Bool {
    guard case .bytes(let source)? = field(10, of: event) else { return false }
    return field(1, of: source) == .bytes(ArraySlice(writer.utf8))
  }

  private static func field(_ number: Int, of message: ArraySlice<UInt8>) -> ProtobufReader.Value? {
    var fields = ProtobufReader(message)
    while let (field, value) = fields.next() {
      if field == number { return value }
    }
    return nil
  }
}
