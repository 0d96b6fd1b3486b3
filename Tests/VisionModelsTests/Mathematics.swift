import Foundation

extension Double {
  var exponential: Double { exp(self) }
  var naturalLogarithm: Double { log(self) }
}
