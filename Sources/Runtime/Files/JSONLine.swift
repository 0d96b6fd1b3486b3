/// A JSON object on one line, its members in the order in which they were added.
///
/// Foundation's encoder sorts keys or leaves them in any order, and writes 0.1 as 0.10000000000000001
/// on some platforms; lines that people read deserve better.
public struct JSONLine: Sendable {
  private var members: [String] = []

  /// An empty object.
  public init() {}

  /// Adds a string.
  public mutating func add(_ key: String, _ value: String) { append(key, jsonString(value)) }
  /// Adds an integer.
  public mutating func add(_ key: String, _ value: Int) { append(key, "\(value)") }
  /// Adds true or false.
  public mutating func add(_ key: String, _ value: Bool) { append(key, "\(value)") }
  /// Adds a number; JSON has no NaN and no infinity, so those become null.
  public mutating func add(_ key: String, _ value: Double) {
    append(key, value.isFinite ? "\(value)" : "null")
  }
  /// Adds a number with as many digits as single precision has.
  public mutating func add(_ key: String, _ value: Float) {
    append(key, value.isFinite ? "\(value)" : "null")
  }

  /// Adds an object.
  public mutating func add(_ key: String, _ value: JSONLine) { append(key, value.text) }
  /// Adds an array of objects.
  public mutating func add(_ key: String, _ values: [JSONLine]) {
    append(key, "[" + values.map(\.text).joined(separator: ", ") + "]")
  }
  /// Adds an array of integers.
  public mutating func add(_ key: String, _ values: [Int]) {
    append(key, "[" + values.map { "\($0)" }.joined(separator: ", ") + "]")
  }
  /// Adds an array of numbers, null for those that are not finite.
  public mutating func add(_ key: String, _ values: [Float]) {
    append(key, "[" + values.map { $0.isFinite ? "\($0)" : "null" }.joined(separator: ", ") + "]")
  }
  /// Adds an array of numbers, null for those that are not finite.
  public mutating func add(_ key: String, _ values: [Double]) {
    append(key, "[" + values.map { $0.isFinite ? "\($0)" : "null" }.joined(separator: ", ") + "]")
  }
  /// Adds an array of strings.
  public mutating func add(_ key: String, _ values: [String]) {
    append(key, "[" + values.map(jsonString).joined(separator: ", ") + "]")
  }
  /// Adds the members of another object behind those that are there.
  public mutating func add(_ other: JSONLine) { members += other.members }

  private mutating func append(_ key: String, _ json: String) {
    members.append("\(jsonString(key)): \(json)")
  }

  /// The object, without a line break.
  public var text: String { "{" + members.joined(separator: ", ") + "}" }
}
