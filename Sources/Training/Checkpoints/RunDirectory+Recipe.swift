import Foundation

extension RunDirectory {
  /// What the recipe of a run says, or a recipe's file.
  ///
  /// - Throws: `RunError.notARun` for a folder without a recipe; what is wrong with the recipe.
  package static func recipeSettings(of path: String) throws -> [RecipeSetting] {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue
    else { return try RecipeSetting.read(path) }
    let recipe = RunDirectory(reading: path).recipe
    guard FileManager.default.fileExists(atPath: recipe) else { throw RunError.notARun(path) }
    return try RecipeSetting.read(recipe)
  }
}
