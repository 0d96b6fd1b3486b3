import CMXKernels
import MXFormats

extension BlockFormat {
  /// The number of the format's row in the kernels' table, which is found by what the row says.
  var row: Int32 {
    var index = 0
    while let row = tj_format_at(index)?.pointee {
      if isDescribed(by: row) { return Int32(index) }
      index += 1
    }
    preconditionFailure("there are no kernels for \(rawValue)")
  }

  private func isDescribed(by row: tj_format) -> Bool {
    // Kernels know no outer scale: whoever calls them divides by it.
    scale == (row.has_no_scales == 0 ? .e8m0 : .one) && groupSize == Int(row.group)
      && elements.exponentBits == Int(row.exponent_bits)
      && elements.mantissaBits == Int(row.mantissa_bits) && elements.bias == Int(row.bias)
  }
}
