import Files
import MXLinear
import Testing
import Training

@Suite("The engine of a layer, in JSON,")
struct EngineNameTests {
  @Test("is named packed, simulated, or mixed with the engine of each product")
  func names() {
    func text(_ recipe: LinearRecipe, _ engine: Engine) -> String {
      var line = JSONLine()
      recipe.addEngines(asked: engine, to: &line)
      #expect(line.text.contains("\"\(recipe.engineName(asked: engine))\""))
      return line.text
    }
    #expect(text(.tetrajet, .packed) == #"{"engine": "packed"}"#)
    #expect(text(.microscaling, .packed) == #"{"engine": "packed"}"#)
    #expect(text(.tetrajet, .simulated) == #"{"engine": "simulated"}"#)
    #expect(text(.fp32, .packed) == #"{"engine": "simulated"}"#)
    var partial = LinearRecipe.tetrajet
    partial[.q4] = nil
    #expect(
      text(partial, .packed)
        == #"{"engine": "mixed", "engine_y": "packed", "engine_dx": "simulated", "#
        + #""engine_dw": "packed"}"#)
    #expect(text(partial, .simulated) == #"{"engine": "simulated"}"#)
    // One quantizer of each product on, the other off.
    (partial[.q1], partial[.q6]) = (nil, nil)
    #expect(text(partial, .packed) == #"{"engine": "simulated"}"#)
  }
}
