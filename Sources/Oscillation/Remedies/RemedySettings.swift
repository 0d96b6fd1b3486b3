/// The hyper-parameters of all remedies; the defaults are those of their papers.
package struct RemedySettings: Equatable, Sendable {
  /// Each remedy's.
  package var qema = QEMA(), qramping = QRamping(), dampen = Dampen(), freeze = Freeze(),
    oscireset = OsciReset()

  /// The defaults.
  package init() {}
}
