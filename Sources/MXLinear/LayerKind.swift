/// Which of a transformer block's linear layers one is.
public enum LayerKind: String, CaseIterable, Sendable {
  /// From normalized tokens to queries, keys and values.
  case qkv
  /// From what attention gathers back to tokens.
  case proj
  /// From normalized tokens to the MLP's hidden units.
  case fc1
  /// From GELU of the hidden units back to tokens.
  case fc2
}
