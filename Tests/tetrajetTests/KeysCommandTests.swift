import Foundation
import TestSupport
import Testing
import Training

@Suite("What train and keys say of themselves")
struct KeysCommandTests {
  @Test("the help of train fits one screen of 80 columns and 42 lines")
  func trainHelp() throws {
    let result = try tetrajet("train", "--help", environment: ["COLUMNS": "80"])
    #expect(result.status == 0)
    let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.count <= 42, "\(lines.count) lines")
    for line in lines { #expect(line.count <= 80, "\(line)") }
    for flag in ["--model", "--image-size", "--batch-size", "--lr", "--init", "--dry-run"] {
      #expect(result.output.contains("  \(flag) "), "\(flag)")
    }
  }

  @Test("keys lists every key with default, range and meaning, in 80 columns")
  func keys() throws {
    let result = try tetrajet("keys")
    #expect(result.status == 0)
    for key in RecipeKey.names {
      #expect(result.output.contains("\n\(key)") || result.output.hasPrefix(key))
    }
    for line in result.output.split(separator: "\n") where line.hasPrefix(" ") {
      #expect(line.count <= 80, "\(line)")
    }
    let rate = try tetrajet("keys", "optimizer.learning_rate").output
    #expect(
      rate == """
        optimizer.learning_rate: 0.001 (digits: 0.003)
            peak learning rate: a number from 0.0 to 100.0

        """)
    let names = try tetrajet("keys", "--names").output.split(separator: "\n").map(String.init)
    // A file's line, which is no key of a resolved recipe.
    #expect(names == RecipeKey.names + ["base"])
  }

  @Test("keys takes a part of a name, a pattern, or a word of the meaning")
  func patterns() throws {
    func names(_ pattern: String) throws -> [Substring] {
      try tetrajet("keys", pattern, "--names").output.split(separator: "\n")
    }
    #expect(try names("learning_rate").count == 3)
    #expect(try names("quantizers.q3.*").count == 7)
    #expect(try names("stochastic depth") == ["model.drop_path"])
    let method = try tetrajet("keys", "method").output
    #expect(method.contains("tetrajet+qramping\n") && method.contains("tetrajet-v2\n"))
    #expect(method.split(whereSeparator: \.isWhitespace).suffix(400).contains("freeze+osmq:"))
    let preset = try tetrajet("keys", "model.preset").output
    #expect(preset.contains("deit_tiny_patch16_224"))
    let none = try tetrajet("keys", "lerning_rate")
    #expect(
      none.status == 64 && none.errors.contains("did you mean 'learning_rate'?"), "\(none.errors)")
  }

  @Test("keys --json has an object for each key, with choices")
  func json() throws {
    let lines = try tetrajet("keys", "--json").output.split(separator: "\n")
    let objects = try lines.map {
      try JSONSerialization.jsonObject(with: Data($0.utf8)) as! [String: Any]
    }
    #expect(objects.map { $0["key"] as! String } == RecipeKey.names + ["base"])
    let engine = try #require(objects.first { $0["key"] as! String == "engine" })
    #expect(engine["choices"] as! [String] == ["packed", "simulated"])
    #expect(engine["default"] as! String == "packed")
    let epochs = try #require(objects.first { $0["key"] as! String == "training.epochs" })
    #expect(epochs["default"] as! String == "10" && epochs["default_digits"] as! String == "60")
  }

  @Test(
    "what people mistype is answered by what it may be",
    arguments: [
      (["trian"], ["no command 'trian'", "did you mean 'train'?"]),
      (["bench", "stpe"], ["tetrajet bench has no command 'stpe'", "'step'"]),
      (["photo.jpg"], ["no command 'photo.jpg'", "predict"]),
      (["train", "--epochs", "-1"], ["--epochs is '-1'; it must be an integer from 1 to 1000000"]),
      (["train", "--lr", "-0.1"], ["--lr is '-0.1'; it must be a number from 0.0"]),
      (["train", "--batch-size", "0"], ["--batch-size is '0'", "training.batch_size"]),
      (["train", "--image-size", "-3"], ["--image-size is '-3'; it must be an integer from 1"]),
      (["predict", "x", "y", "--top", "-1"], ["--top is -1; it must be at least 1"]),
      (["train", "--epoch", "3"], ["Unknown option '--epoch'", "'--epochs'"]),
      (["train", "--weight-decay", "3"], ["--set optimizer.weight_decay=VALUE"]),
      (["train", "--model", "deit_big"], ["deit_big", "deit_tiny_patch16_224"]),
      (["train", "--resume", "x", "--print-recipe"], ["--print-recipe is for a new run"]),
    ])
  func mistakes(arguments: [String], words: [String]) throws {
    let result = try tetrajet(arguments)
    #expect(result.status == 64 && result.output.isEmpty, "\(result)")
    #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
    for word in words { #expect(result.errors.contains(word), "'\(word)' in: \(result.errors)") }
  }
}
