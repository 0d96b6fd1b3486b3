import Files

/// A value under the tag by which TensorBoard shows it. The part of a tag before the first slash is the group of its chart.
package struct EventValue {
  /// A number or a histogram.
  package enum Content: Equatable {
    /// A point on a curve.
    case scalar(Float)
    /// A histogram.
    case histogram(BinnedHistogram)
  }

  /// By what name it is shown.
  package let tag: String
  /// What is shown.
  package let content: Content

  package init(tag: String, content: Content) { (self.tag, self.content) = (tag, content) }

  /// `Summary.Value`: tag = 1, simple_value = 2, histo = 5.
  var message: ProtobufWriter {
    var message = ProtobufWriter()
    message.add(1, tag)
    switch content {
    case .scalar(let number): message.add(2, number)
    case .histogram(let histogram): message.add(5, histogram.message)
    }
    return message
  }
}
