import Files
import VisionModels

/// A recipe's `model.*` describes a shape that no model can have.
package struct RecipeShapeError: ReportableError, Equatable {
  package let fault: ModelError

  package var category: ErrorCategory { fault.category }
  /// One line, which calls the sizes by their recipe keys.
  package var description: String { fault.text(prefix: "model.") }
}

extension Recipe {
  /// Checks a shape of the recipe's.
  ///
  /// - Throws: `RecipeShapeError`.
  static func validate(_ model: ModelConfiguration) throws {
    do { try model.validate() } catch let fault as ModelError {
      throw RecipeShapeError(fault: fault)
    }
  }
}
