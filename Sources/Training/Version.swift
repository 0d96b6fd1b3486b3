/// The program's version, as `--version` says it and as it stands in summaries, checkpoints and reports.
package enum Version {
  /// By the rules of <https://semver.org>; CHANGELOG.md says what each one brought.
  package static let current = "0.2.0"
}
