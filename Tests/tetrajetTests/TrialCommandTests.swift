import Files
import Foundation
import TestSupport
import Testing
import Training

@Suite("Trials, kept checkpoints and early stops", .serialized)
struct TrialCommandTests {
  @Test("--dry-run says what the run would be, and writes nothing")
  func dryRun() throws {
    try withTemporaryFolder { folder in
      let arguments = ["train", "--dry-run", "--output", "\(folder)/run", "--epochs", "20"]
      let result = try tetrajet(arguments)
      #expect(result.status == 0, "\(result.errors)")
      for word in [
        "digits: 1437 training", "images/s", "20 epochs of 45 steps", "MiB", "time     about ",
        "written  nothing",
      ] { #expect(result.output.contains(word), "'\(word)' in: \(result.output)") }
      let json = try tetrajet(arguments + ["--json"])
      let object =
        try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as! [String: Any]
      let (seconds, step) = (object["seconds"] as! Double, object["step_seconds"] as! Double)
      #expect(object["steps"] as! Int == 900 && step > 0 && seconds >= 899 * step)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
      // What the run itself would be refused for.
      let none = try tetrajet("train", "--dry-run", "--data", "\(folder)/none")
      #expect(none.status == 74 && none.errors.contains("No such file"), "\(none.errors)")
      let small = try tetrajet("train", "--dry-run", "--memory-limit", "1MiB")
      #expect(
        small.status == 64 && small.errors.contains("--memory-limit is 1 MiB"), "\(small.errors)")
    }
  }

  @Test(
    "marks of channels and means of inputs are no parameters",
    arguments: [
      ["--method", "tetrajet-v2"],
      ["--method", "tetrajet", "--set", "quantizers.mean_split=[proj, fc2]"],
    ])
  func parameters(method: [String]) throws {
    func parameters(_ method: [String]) throws -> Int {
      let result = try tetrajet(["train", "--dry-run", "--json"] + method)
      let line = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
      return try #require((line as? [String: Any])?["parameters"] as? Int, "\(result.errors)")
    }
    #expect(try parameters(method) == parameters(["--method", "fp32"]))
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      let result = try tetrajet(["train", "--epochs", "1", "--output", run] + method)
      try #require(result.status == 0, "\(result.errors)")
      let summary = try JSONSerialization.jsonObject(with: Data(readFile("\(run)/summary.json")))
      let counted = try #require((summary as? [String: Any])?["parameters"] as? Int)
      #expect(try counted == parameters(["--method", "fp32"]))
    }
  }

  @Test("the last epochs' weights are kept as many as asked for, and can be used")
  func keep() throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      let result = try tetrajet(
        "train", "--epochs", "5", "--output", run, "--method", "tetrajet+qema", "--set",
        "checkpoint.keep=2")
      #expect(result.status == 0, "\(result.errors)")
      let names = try FileManager.default.contentsOfDirectory(atPath: run)
        .filter { $0.hasPrefix("epoch-") }.sorted()
      #expect(names == ["epoch-0004.safetensors", "epoch-0005.safetensors"])
      #expect(
        try readFile("\(run)/epoch-0005.safetensors") == readFile("\(run)/last.safetensors"))
      #expect(
        try readFile("\(run)/epoch-0004.safetensors") != readFile("\(run)/last.safetensors"))
      let evaluated = try tetrajet("eval", "\(run)/epoch-0004.safetensors", "--json")
      let score =
        try JSONSerialization.jsonObject(with: Data(evaluated.output.utf8)) as! [String: Any]
      let line = try jsonLines("\(run)/metrics.jsonl").last {
        $0["epoch"] as! Int == 3 && $0["eval_top1"] != nil
      }
      #expect(score["eval_top1"] as? Double == line?["eval_top1"] as? Double)
      let tuned = try tetrajet(
        "train", "--epochs", "1", "--init", "\(run)/epoch-0004.safetensors", "--output",
        "\(folder)/tuned")
      #expect(tuned.status == 0, "\(tuned.errors)")
    }
  }

  @Test(
    "a run stops after evaluations without a better top-1, the same whether it was stopped between or not"
  )
  func patience() throws {
    try withTemporaryFolder { folder in
      // A learning rate of 0 from the start: nothing becomes better than the first evaluation.
      let arguments = [
        "train", "--epochs", "9", "--method", "fp32", "--lr", "0", "--set", "training.patience=3",
        "--set",
        "schedule.warmup_learning_rate=0", "--set", "schedule.final_learning_rate=0", "--set",
        "checkpoint.every_steps=20",
      ]
      let run = "\(folder)/run"
      let result = try tetrajet(arguments + ["--output", run])
      #expect(
        result.status == 0 && result.errors.contains("stopped early after 4 epochs"),
        "\(result.errors)")
      let summary = try RunSummary(path: "\(run)/summary.json")
      #expect(summary.stoppedEarly == true && summary.epochs == 4 && summary.steps == 180)
      // It has come to its end: a resume only evaluates.
      let again = try tetrajet("train", "--resume", run)
      #expect(again.status == 0, "\(again.errors)")
      #expect(try RunSummary(path: "\(run)/summary.json").epochs == 4)

      let killed = "\(folder)/killed"
      let process = try start(arguments + ["--output", killed])
      // Whether it is still under way or not, the resume must come to the same end.
      _ = wait(for: process) { text("\(killed)/metrics.jsonl").contains("\"epoch\": 2") }
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      let resumed = try tetrajet("train", "--resume", killed)
      #expect(resumed.status == 0, "\(resumed.errors)")
      let other = try RunSummary(path: "\(killed)/summary.json")
      #expect(other.epochs == 4 && other.weightsSHA256 == summary.weightsSHA256)
      #expect(other.stoppedEarly == true)

      let whole = try tetrajet(
        arguments + ["--output", "\(folder)/whole", "--set", "training.patience=0"])
      #expect(whole.status == 0)
      let all = try RunSummary(path: "\(folder)/whole/summary.json")
      #expect(all.epochs == 9 && all.stoppedEarly == false)
    }
  }
}
