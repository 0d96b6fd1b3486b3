import Foundation

/// A number with so many digits behind the point; of a size that no table has room for, as a power of ten.
package func fixed(_ value: Double, _ digits: Int) -> String {
  String(format: abs(value) < 1e15 ? "%.\(digits)f" : "%.2e", value)
}

/// A number as short as four significant digits allow: 0.0123, 48.61, 1.2e-5.
package func short(_ value: Double) -> String {
  if value == 0 { return "0" }
  if abs(value) >= 1e6 || abs(value) < 1e-3 {
    let text = String(format: "%.1e", value)
    return text.replacingOccurrences(of: "e-0", with: "e-")
      .replacingOccurrences(of: "e+0", with: "e").replacingOccurrences(of: "e+", with: "e")
      .replacingOccurrences(of: ".0e", with: "e")
  }
  // %g would write 15000 as 1.5e+04.
  return String(format: abs(value) >= 1e4 ? "%.0f" : "%.4g", value)
}
