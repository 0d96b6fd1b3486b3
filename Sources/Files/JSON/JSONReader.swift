import Foundation

/// What JSON text says.
///
/// - Throws: `DecodingError` where it is no JSON, or says something else.
package func parseJSON<Value: Decodable>(
  _ text: some Sequence<UInt8>, as type: Value.Type = Value.self
) throws -> Value {
  try JSONDecoder().decode(type, from: Data(text))
}

/// What a file of JSON says.
///
/// - Parameter limit: how long the file may be, in bytes.
/// - Throws: `FileError`, and as above.
package func readJSON<Value: Decodable>(
  _ path: String, as type: Value.Type = Value.self, limit: Int
) throws -> Value {
  try parseJSON(readFile(path, limit: limit), as: type)
}
