/// The hyper-parameters of all remedies; the defaults are those of their papers.
package struct RemedySettings: Equatable, Sendable {
  /// Each remedy's.
  package var qema = QEMA(), qramping = QRamping(), dampen = Dampen(), freeze = Freeze(),
    oscireset = OsciReset(), osmq = OSMQ()

  /// The defaults.
  package init() {}

  /// The first step of so many that has a share of them behind it.
  static func step(_ share: Double, of totalSteps: Int) -> Int {
    // A product such as .07 · 100 comes out above 7.
    Int((share * Double(totalSteps) - 1e-9).rounded(.up))
  }
}
