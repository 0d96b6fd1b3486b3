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
    // Whoever calls kernels tells them the outer scale of a matrix.
    scale.kernelScale == row.scale && groupSize == Int(row.group)
      && (outerScale == .runs ? OuterScale.runLength : 0) == Int(row.run)
      && elements.exponentBits == Int(row.exponent_bits)
      && elements.mantissaBits == Int(row.mantissa_bits) && elements.bias == Int(row.bias)
      && elements.largestCode == row.largest_code
  }
}

extension ScaleFormat {
  fileprivate var kernelScale: tj_scale {
    switch self {
    case .e8m0: TJ_POWER
    case .one: TJ_ONE
    case .e4m3: TJ_NUMBER
    }
  }
}
