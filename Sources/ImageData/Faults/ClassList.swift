/// The list of classes that may lie beside a data set's images.
enum ClassList {
  /// The file that is looked for beside the classes' folders or archives.
  static let fileName = "classes.txt"
}
