import Files
import Foundation
import TestSupport
import Testing

@Suite("compare and report do what they say", .serialized)
struct ReportCommandTests {
  @Test("runs on the digits come out as a table, as JSON, and as a page with every section")
  func digits() throws {
    try withTemporaryFolder { folder in
      for (method, seed) in [("fp32", "0"), ("tetrajet+qema", "0"), ("tetrajet+qema", "1")] {
        let result = try tetrajet(
          "train", "--data", "digits", "--method", method, "--seed", seed, "--epochs", "4",
          "--set", "statistics.interval=45", "--output", "\(folder)/\(method)-\(seed)")
        #expect(result.status == 0, "\(result.errors)")
      }
      let runs = ["fp32-0", "tetrajet+qema-0", "tetrajet+qema-1"].map { "\(folder)/\($0)" }
      let text = try tetrajet(["compare"] + runs)
      #expect(text.status == 0 && text.errors.isEmpty, "\(text.errors)")
      let lines = text.output.components(separatedBy: "\n")
      #expect(
        lines[2].hasPrefix("fp32 ") && lines[3].hasPrefix("tetrajet+qema ") && lines[4].isEmpty)
      // Which folders are in which row, whatever the lines that they are broken into.
      let squeezed = text.output.filter { !$0.isWhitespace }
      let folders = "tetrajet+qema:\(runs[1])(seed0),\(runs[2])(seed1)"
      #expect(squeezed.contains(folders), "\(text.output)")
      let narrow = try tetrajet(["compare", "--width", "80"] + runs)
      #expect(
        narrow.output.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(narrow.output)")
      let json = try tetrajet(["compare", "--json"] + runs)
      let rows = try json.output.split(separator: "\n").map {
        try JSONSerialization.jsonObject(with: Data($0.utf8)) as! [String: Any]
      }
      #expect(rows.map { $0["recipe"] as! String } == ["fp32", "tetrajet+qema"])
      #expect(rows.map { $0["runs"] as! Int } == [1, 2] && rows[1]["eval_top1_sd"] != nil)
      #expect(rows.map { $0["seeds"] as! Int } == [1, 2] && rows[1]["eval_top1_ci95"] != nil)
      #expect(rows[1]["folders"] as! [String] == Array(runs.dropFirst()))

      let page = "\(folder)/report.html"
      let report = try tetrajet(["report", "-o", page] + runs)
      #expect(report.status == 0 && report.output.isEmpty, "\(report.errors)")
      let html = String(decoding: try readFile(page), as: UTF8.self)
      for section in [
        "Side by side", "Training", "Oscillation", "Oscillating weights", "Where weights lie",
        "Layer by layer", "What quantizers lose", "Where the models err", "The runs",
      ] { #expect(html.contains("<h2>\(section)</h2>"), "\(section)") }
      #expect(html.utf8.count < 3_000_000)
    }
  }

  @Test("--epochs and --layer choose what is drawn, and E3M0 has its own thresholds and range")
  func choices() throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      let result = try tetrajet(
        "train", "--data", "digits", "--epochs", "6", "--set", "statistics.interval=45", "--set",
        "quantizers.q2.format=e3m0", "--set", "statistics.inputs=true", "--output", run)
      #expect(result.status == 0, "\(result.errors)")
      let page = "\(folder)/page.html"
      let report = try tetrajet(
        "report", run, "-o", page, "--epochs", "2, 3,5", "--layer", "blocks.1.mlp.fc2")
      #expect(report.status == 0, "\(report.errors)")
      let html = String(decoding: try readFile(page), as: UTF8.self)
      #expect(html.contains("Confidence of blocks.1.mlp.fc2 at the end"))
      #expect(html.contains("<h2>Inputs of layers</h2>"))
      #expect(html.contains("% of inputs that flip") && html.contains("r(X_Q) / r(X)"))
      func figure(_ title: String) throws -> Substring {
        let start = try #require(html.range(of: "<figcaption>\(title)"))
        let rest = html[start.upperBound...]
        return rest[..<(try #require(rest.range(of: "</figure>")).lowerBound)]
      }
      let overTraining = try figure("tetrajet, q2.format=e3m0: w / S over training")
      for epoch in 1...6 {
        #expect(
          overTraining.contains("epoch \(epoch).0") == [2, 3, 5].contains(epoch), "\(epoch)")
      }
      // The histogram of latent weights ends at 32.
      let latent = try figure("Latent weights by their group")
      #expect(latent.contains("[-32.0,"))
      for (arguments, words) in [
        (
          ["--layer", "blocks.9.mlp.fc2"],
          "no run has a quantized layer 'blocks.9.mlp.fc2'; there are 12"
        ),
        (["--epochs", "1,last"], "--epochs has 'last'"),
      ] {
        let wrong = try tetrajet(["report", run, "-o", page, "--force"] + arguments)
        #expect(wrong.status == 64 && wrong.errors.contains(words), "\(wrong.errors)")
      }
    }
  }

  @Test("a run that was broken off is on the page, and said to be unfinished")
  func unfinished() throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      #expect(
        try tetrajet("train", "--data", "digits", "--epochs", "2", "--output", run).status == 0)
      try FileManager.default.removeItem(atPath: "\(run)/summary.json")
      let report = try tetrajet("report", run, "-o", "\(folder)/page.html")
      #expect(report.status == 0 && report.errors.contains("unfinished: stopped, or still running"))
      let html = String(decoding: try readFile("\(folder)/page.html"), as: UTF8.self)
      #expect(html.contains("unfinished: stopped, or still running, in epoch 2 of 2"))
    }
  }

  @Test("a folder that is no run, and a page that cannot be written, are one line each")
  func wrong() throws {
    try withTemporaryFolder { folder in
      let none = try tetrajet("report", "\(folder)/none", "-o", "\(folder)/page.html")
      #expect(none.status == 65 && none.errors.contains("is not the folder of a run"))
      #expect(none.errors.split(separator: "\n").count == 1)
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/page.html"))
      let run = "\(folder)/run"
      #expect(
        try tetrajet("train", "--data", "digits", "--epochs", "1", "--output", run).status == 0)
      let unwritable = try tetrajet("report", run, "-o", "\(folder)/missing/page.html")
      #expect(unwritable.status == 74 && unwritable.errors.split(separator: "\n").count == 1)
    }
  }
}
