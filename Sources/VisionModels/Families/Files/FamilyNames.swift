/// How files name the parameters of a family: ours are timm's; Hugging Face's transformers have others.
package struct FamilyNames: Sendable {
  /// timm's blocks, and transformers' with the same numbers; a star stands for a number.
  let blocks, hubBlocks: BlockPattern
  /// What transformers call the attention of a block.
  let hubAttention: String
  /// What a file of another age has for a name of ours; the name itself where it has that.
  let renamed: @Sendable (_ name: String, _ file: PretrainedNames) -> String

  init(
    blocks: String, hubBlocks: String, hubAttention: String,
    renamed: @escaping @Sendable (String, PretrainedNames) -> String = { name, _ in name }
  ) {
    (self.blocks, self.hubBlocks) = (BlockPattern(blocks), BlockPattern(hubBlocks))
    (self.hubAttention, self.renamed) = (hubAttention, renamed)
  }
}

/// The names of blocks.
struct BlockPattern: Sendable {
  private let parts: [Substring]

  /// - Parameter text: as in `layers.*.blocks.*`, where a star stands for a number.
  init(_ text: String) { parts = Substring(text).split(separator: ".") }

  /// The numbers of the block that a name begins with, and what comes behind it; nil where it begins with none.
  func match(_ name: some StringProtocol) -> (numbers: [Int], rest: String)? {
    let words = name.split(separator: ".", maxSplits: parts.count)
    guard words.count > parts.count else { return nil }
    var numbers: [Int] = []
    for (word, part) in zip(words, parts) {
      if part == "*", let number = Int(word) {
        numbers.append(number)
      } else if word != part {
        return nil
      }
    }
    return (numbers, String(words[parts.count]))
  }

  /// The block of numbers.
  func name(_ numbers: [Int]) -> String {
    var left = numbers[...]
    return parts.map { $0 == "*" ? "\(left.removeFirst())" : String($0) }.joined(separator: ".")
  }
}
