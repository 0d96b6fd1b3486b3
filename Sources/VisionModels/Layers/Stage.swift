import MXLinear
import MXRuntime

/// Blocks of one width, in some families behind a layer that merges patches.
package struct Stage: Sendable {
  let merging: PatchMerging?
  let blocks: [Block]

  /// What it is made of.
  package struct Shape: Sendable {
    /// What merges patches in front of the blocks; nil for nothing.
    package var merging: PatchMerging.Shape?
    /// Its blocks.
    package var blocks: [Block.Shape]
    /// Of its blocks: tokens of an image, channels of a token.
    package var tokens, width: Int
  }

  struct Saved {
    var merging: PatchMerging.Saved?
    let blocks: UnsafeMutableBufferPointer<Block.Saved>
  }

  /// - Parameter layersBehind: of the first block.
  init(
    _ shape: Shape, layersBehind: Int, recipe: LinearRecipe, engine: Engine,
    in table: inout ParameterTable
  ) {
    // Merging goes with the first block.
    table.part = ParameterTable.Part(layersBehind: layersBehind)
    merging = shape.merging.map { PatchMerging($0, recipe.unquantized, in: &table) }
    var blocks: [Block] = []
    for block in shape.blocks {
      table.part = ParameterTable.Part(
        block: block.name, layersBehind: layersBehind - blocks.count)
      blocks.append(Block(block, recipe: recipe, engine: engine, in: &table))
    }
    self.blocks = blocks
  }
}
