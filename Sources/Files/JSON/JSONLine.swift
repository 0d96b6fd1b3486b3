/// A JSON object, its members in the order in which they were added: what everybody here writes JSON with.
///
/// Foundation's encoder sorts keys or leaves them in any order, and writes 0.1 as
/// 0.10000000000000001 on some platforms; lines that people read deserve better. The values stay
/// what they are until the text is asked for, so that other files can be written from the same
/// line.
package struct JSONLine: Sendable {
  /// What a member can be.
  package enum Value: Sendable {
    /// A string.
    case string(String)
    /// An integer.
    case integer(Int)
    /// A number; JSON has no NaN and no infinity, so those become null.
    case number(Double)
    /// A number that is written with as many digits as single precision has.
    case single(Float)
    /// An object.
    case object(JSONLine)
    /// An array of objects.
    case objects([JSONLine])
    /// An array of integers.
    case integers([Int])
    /// An array of numbers, null for those that are not finite.
    case singles([Float])
    /// The same in double precision.
    case numbers([Double])
    /// An array of strings.
    case strings([String])
    /// True or false.
    case boolean(Bool)
  }

  /// The members in order.
  package private(set) var members: [(key: String, value: Value)] = []

  /// An empty object.
  package init() {}

  /// Adds a string.
  package mutating func add(_ key: String, _ value: String) {
    members.append((key, .string(value)))
  }
  /// Adds an integer.
  package mutating func add(_ key: String, _ value: Int) { members.append((key, .integer(value))) }
  /// Adds true or false.
  package mutating func add(_ key: String, _ value: Bool) { members.append((key, .boolean(value))) }
  /// Adds a number.
  package mutating func add(_ key: String, _ value: Double) {
    members.append((key, .number(value)))
  }
  /// Adds a number with as many digits as single precision has.
  package mutating func add(_ key: String, _ value: Float) { members.append((key, .single(value))) }
  /// Adds an object.
  package mutating func add(_ key: String, _ value: JSONLine) {
    members.append((key, .object(value)))
  }
  /// Adds an array of objects.
  package mutating func add(_ key: String, _ values: [JSONLine]) {
    members.append((key, .objects(values)))
  }
  /// Adds an array of integers.
  package mutating func add(_ key: String, _ values: [Int]) {
    members.append((key, .integers(values)))
  }
  /// Adds an array of numbers.
  package mutating func add(_ key: String, _ values: [Float]) {
    members.append((key, .singles(values)))
  }
  /// Adds an array of numbers.
  package mutating func add(_ key: String, _ values: [Double]) {
    members.append((key, .numbers(values)))
  }
  /// Adds an array of strings.
  package mutating func add(_ key: String, _ values: [String]) {
    members.append((key, .strings(values)))
  }
  /// Adds the members of another object behind those that are there.
  package mutating func add(_ other: JSONLine) { members += other.members }

  /// The first member of a name.
  package subscript(key: String) -> Value? { members.first { $0.key == key }?.value }

  /// The same with a member a line, for files that people open.
  package var lines: String {
    "{\n" + members.map { "  \(jsonString($0.key)): \($0.value.text)" }.joined(separator: ",\n")
      + "\n}\n"
  }

  /// The object in JSON (RFC 8259), members in their order, without a line break; numbers that are not finite are null.
  package var text: String {
    "{" + members.map { "\(jsonString($0.key)): \($0.value.text)" }.joined(separator: ", ") + "}"
  }
}

extension JSONLine.Value {
  /// The value of a member that is one number.
  package var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    case .single(let value): Double(value)
    case .string, .object, .objects, .integers, .singles, .numbers, .strings, .boolean: nil
    }
  }

  /// The value in JSON.
  var text: String {
    switch self {
    case .string(let value): jsonString(value)
    case .integer(let value): "\(value)"
    case .number(let value): value.isFinite ? "\(value)" : "null"
    case .single(let value): value.isFinite ? "\(value)" : "null"
    case .object(let value): value.text
    case .objects(let values): Self.array(values.map(\.text))
    case .integers(let values): Self.array(values.map { "\($0)" })
    case .singles(let values): Self.array(values.map { $0.isFinite ? "\($0)" : "null" })
    case .numbers(let values): Self.array(values.map { $0.isFinite ? "\($0)" : "null" })
    case .strings(let values): Self.array(values.map(jsonString))
    case .boolean(let value): "\(value)"
    }
  }

  private static func array(_ texts: [String]) -> String {
    "[" + texts.joined(separator: ", ") + "]"
  }
}
