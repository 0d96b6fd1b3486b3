import Files
import Foundation
import TestSupport
import Testing

@Suite("trace lays a run open")
struct TraceRunTests {
  @Test(
    "--repeat on a run's folder keeps how means of gradients lie, method by method, and the report draws it"
  )
  func study() throws {
    try withTemporaryFolder { folder in
      let run = "\(folder)/run"
      let trained = try tetrajet(
        "train", "--data", "digits", "--epochs", "2", "--set", "model.depth=1", "--output", run)
      try #require(trained.status == 0, "\(trained)")
      func trace(_ arguments: String...) throws {
        _ = try tetrajet(["trace", run, "--images", "20"] + arguments)
      }
      let raw = ["--set", "quantizers.q4.reads_quantized=false"]
      for arguments in [["--method", "microscaling"], [], ["--repeat", "2"], raw] {
        let found = try tetrajet(
          ["trace", run, "--images", "20"]
            + (arguments.contains("--repeat") ? [] : ["--repeat", "64"])
            + arguments)
        #expect(found.status == 0 && found.errors == "kept in \(run)/gradients.json\n", "\(found)")
      }
      // The last one of a method counts.
      try trace("--repeat", "64")
      struct Study: Decodable {
        struct Curve: Decodable {
          let tensor: String, draws: [Int], errors: [Double?], outside_noise: Bool
        }
        struct Entry: Decodable { let label: String, images: Int, tensors: [Curve] }
        let methods: [Entry]
      }
      let study = try parseJSON(try readFile("\(run)/gradients.json"), as: Study.self)
      #expect(
        study.methods.map(\.label) == [
          "microscaling", "tetrajet", "tetrajet, q4.reads_quantized=false",
        ])
      #expect(study.methods.allSatisfy { $0.images == 20 })
      let whole = try study.methods.map { try #require($0.tensors.last) }
      try #require(
        whole.allSatisfy { $0.tensor == "all tensors" && $0.draws == [1, 2, 4, 8, 16, 32, 64] })
      let errors = whole.map { $0.errors.compactMap(\.self) }
      // Nearest rounding draws nothing: all means are one. TetraJet's fall by the root of their number, eight times.
      #expect(Set(errors[0]).count == 1 && errors[0][0] > 0.02 && whole[0].outside_noise)
      #expect(errors[1][0] > 5 * errors[1][6] && !whole[1].outside_noise)
      #expect(errors[2][6] > 1.5 * errors[1][6])

      let page = try tetrajet("report", run, "-o", "\(folder)/r.html")
      try #require(page.status == 0, "\(page)")
      let html = text("\(folder)/r.html")
      #expect(
        html.contains("Bias and variance of gradients") && html.contains("run: the whole gradient"))
      #expect(html.contains("run: tetrajet, q4.reads_quantized=false, by tensor"))

      for (arguments, words) in [
        ([run, "\(folder)/out"], "goes with --repeat"),
        ([run, "--repeat", "4", "--images", "0"], "--images is 0"),
        (
          ["\(folder)/r.html", "--method", "fp32", "--repeat", "4", "--images", "3"],
          "folder of a run"
        ),
        ([run, "--repeat", "4", "--set", "training.epochs=3"], "training.epochs"),
        ([run, "--repeat", "4", "--set", "model.width=32"], "left out: the run's weights"),
        (
          [run, "--repeat", "4", "--set", "quantizers.q1.rounding=stochastic"],
          "another forward pass"
        ),
      ] {
        let found = try tetrajet(["trace"] + arguments)
        #expect(found.status == 64 && found.errors.contains(words), "\(found)")
      }
      try writeFileAtomically("\(run)/gradients.json", text: "{}")
      let damaged = try tetrajet("report", run, "-o", "\(folder)/d.html")
      #expect(damaged.status == 0 && damaged.errors.contains("gradients.json"), "\(damaged)")
    }
  }

  @Test(
    "a run is traced by quantizers that need less than its own, and not by those that need what it has not made",
    arguments: [
      ["--set", "quantizers.mean_split=[proj, fc2]"], ["--set", "outcontrol.share=0.1"],
      ["--method", "int4-xi"],
    ])
  func others(own: [String]) throws {
    try withTemporaryFolder { folder in
      let (with, without) = ("\(folder)/with", "\(folder)/without")
      for (run, flags) in [(with, own), (without, [])] {
        let trained = try tetrajet(
          ["train", "--epochs", "1", "--set", "model.depth=1", "--output", run] + flags)
        try #require(trained.status == 0, "\(trained)")
      }
      let trace = ["--repeat", "4", "--images", "20"]
      let less = try tetrajet(["trace", with, "--method", "microscaling"] + trace)
      #expect(less.status == 0 && less.output.contains("fc2.weight"), "\(less)")
      let more = try tetrajet(["trace", without] + trace + own)
      #expect(more.status == 64, "\(more)")
      #expect(
        more.errors.contains("what \(without) was trained by: its training has made no 'blocks.0."))
      #expect(more.errors.split(separator: "\n").count == 1, "\(more.errors)")
    }
  }
}
