/// A number of things as people read it: "1 image", "2 images", "0 classes".
///
/// - Parameter many: what more than one are called, where it is not `one` with an s.
package func counted(_ count: Int, _ one: String, _ many: String? = nil) -> String {
  "\(count) \(count == 1 ? one : many ?? one + "s")"
}
