/// Groups that cannot be quantized: they hold a NaN or an infinity, for which there is no scale.
public struct NonFiniteGroups: Error, Equatable, CustomStringConvertible {
  /// How many they are.
  public let count: Int

  /// One line.
  public var description: String {
    "\(count) group\(count == 1 ? " holds" : "s hold") a NaN or an infinity, for which there is no scale"
  }

  /// Throws where there are any.
  static func check(_ count: Int) throws(NonFiniteGroups) {
    if count > 0 { throw NonFiniteGroups(count: count) }
  }
}
