import Files
import Foundation
import Reports
import TestSupport
import Testing
import Training

@Suite("A study's table")
struct StudyTableTests {
  /// A finished run of a seed.
  private func run(_ folder: String, seed: Int, top1: Double) throws -> RunRecord {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try writeFileAtomically("\(folder)/recipe.yaml", text: "method: fp32\nseed: \(seed)\n")
    try writeFileAtomically(
      "\(folder)/summary.json",
      text: """
        {"method": "fp32", "engine": "packed", "eval_top1": \(top1), "eval_top5": 99, "eval_loss": 0.5, "best_top1": \(top1), \
        "images_per_second": 1, "peak_memory_mb": 2, "seconds": 3, "parameters": 4, "seed": \(seed), "epochs": 1, \
        "steps": 1, "skipped_images": 0, "skipped_names": [], "threads": 1, "isa": "avx2"}
        """)
    let record = try RunRecord(path: folder)
    try #require(record.summary != nil)
    return record
  }

  private func table(_ folder: String) throws -> StudyTable {
    let base = try [50.0, 52, 51].enumerated().map {
      try run("\(folder)/b\($0)", seed: $0, top1: $1)
    }
    let other = try [54.0, 56.2, 55.1].enumerated().map {
      try run("\(folder)/o\($0)", seed: $0, top1: $1)
    }
    let close = try [50.5, 51.5, 51].enumerated().map {
      try run("\(folder)/c\($0)", seed: $0, top1: $1)
    }
    func source(_ name: String, _ runs: [RunRecord], published: Double? = nil) -> StudyTable.Source
    {
      StudyTable.Source(
        name, runs, baseline: "base|line",
        published: published.map { [.init(column: .top1, base: nil, value: $0)] } ?? [])
    }
    return StudyTable(
      [
        source("base|line", base, published: 49.5), source("a_b, \"100 %\"", other),
        source("close", close), source("nothing yet", [], published: 61),
      ], columns: [.top1, .peakMemory])
  }

  @Test("says the same as Markdown, LaTeX, comma-separated values and JSON, each in its own signs")
  func layouts() throws {
    try withTemporaryFolder { folder in
      let table = try table(folder)
      #expect(
        table.markdown.hasPrefix(
          """
          |  | n | top-1 % | peak MiB | Δ top-1 % | published top-1 % |
          | --- | ---: | ---: | ---: | ---: | ---: |
          | base\\|line | 3 | 51.00 ± 1.00 | 2 ± 0 | – | 49.50 |
          | a_b, "100 %" | 3 | 55.10 ± 1.10 | 2 ± 0 | **+4.10 ± 0.25** | – |
          | close | 3 | 51.00 ± 0.50 | 2 ± 0 | 0.00 ± 1.24 | – |
          | nothing yet | 0 | – | – | – | 61.00 |

          """), "\(table.markdown)")
      #expect(
        table.latex.contains(
          "a\\_b, \"100 \\%\" & 3 & 55.10 $\\pm$ 1.10 & 2 $\\pm$ 0 & \\textbf{+4.10 $\\pm$ 0.25} & -- \\\\\n"
        ),
        "\(table.latex)")
      #expect(table.latex.contains("\\begin{tabular}{lrrrrr}\n\\toprule\n"))
      let lines = table.csv.split(separator: "\n", omittingEmptySubsequences: false)
      #expect(
        lines[0].hasPrefix("name,n,eval_top1_mean,eval_top1_sd,eval_top1_ci95,peak_memory_mb_mean"))
      #expect(lines[2].hasPrefix("\"a_b, \"\"100 %\"\"\",3,55.1"), "\(lines[2])")
      #expect(lines[4] == "nothing yet,0,,,,,,,,,,,61.0")
      struct Content: Decodable {
        struct Measure: Decodable { let mean: Double, sd: Double?, interval: [Double]?, n: Int? }
        struct Row: Decodable {
          let name: String, n: Int, eval_top1: Measure?, difference: [String: Measure]?
          let published: [String: Double]?
        }
        let rows: [Row]
      }
      let json = try parseJSON(table.json.text.utf8, as: Content.self)
      #expect(json.rows.map(\.name) == ["base|line", "a_b, \"100 %\"", "close", "nothing yet"])
      #expect(json.rows.map(\.n) == [3, 3, 3, 0])
      #expect(json.rows[3].published == ["eval_top1": 61] && json.rows[1].published == nil)
      #expect(json.rows[0].difference == nil && json.rows[3].eval_top1 == nil)
      let difference = try #require(json.rows[1].difference?["eval_top1"])
      #expect(abs(difference.mean - 4.1) < 1e-9 && difference.n == 3)
      let interval = try #require(difference.interval)
      #expect(abs(interval[0] + interval[1] - 8.2) < 1e-9 && interval[0] < 4)
    }
  }

  @Test("what was published of several models has a column each")
  func published() throws {
    func number(_ base: String, _ value: Double) -> StudyGrid.Published {
      StudyGrid.Published(column: .top5, base: base, value: value)
    }
    let table = StudyTable(
      [
        StudyTable.Source("a", [], published: [number("T", 80), number("S", 90)]),
        StudyTable.Source("b", [], published: [number("S", 91)]),
      ], columns: [.top1])
    #expect(
      table.markdown.hasPrefix(
        """
        |  | n | top-1 % | published T top-5 % | published S top-5 % |
        | --- | ---: | ---: | ---: | ---: |
        | a | 0 | – | 80.00 | 90.00 |
        | b | 0 | – | – | 91.00 |

        """), "\(table.markdown)")
    #expect(table.json.text.contains(#""published": {"eval_top5": {"T": 80.0, "S": 90.0}}"#))
    #expect(
      table.csv.hasPrefix(
        "name,n,eval_top1_mean,eval_top1_sd,eval_top1_ci95,published_T_eval_top5,"))
  }

  @Test("fits a terminal", arguments: [40, 60, 80, 200])
  func widths(width: Int) throws {
    try withTemporaryFolder { folder in
      let text = try table(folder).text(width: width)
      #expect(text.split(separator: "\n").allSatisfy { $0.count <= width }, "\(text)")
      #expect(text.contains("51.00") && text.contains("base|line"))
    }
  }
}
