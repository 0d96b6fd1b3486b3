import ArgumentParser
import Files
import MXFormats
import Reports
import Training

extension ScaleRule: ExpressibleByArgument {}
extension Rounding: ExpressibleByArgument {}
extension GroupAxis: ExpressibleByArgument {}

/// The names of the formats on the command line.
enum FormatName: String, ExpressibleByArgument, CaseIterable {
  case mxfp4
  case e3m0
  case nvfp4

  var format: BlockFormat {
    switch self {
    case .mxfp4: .mxfp4
    case .e3m0: .mxe3m0
    case .nvfp4: .nvfp4
    }
  }
}

struct QuantizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quantize",
    abstract: "Quantize the matrices of a safetensors file to 4 bits.",
    discussion: """
      For every matrix T that is quantized, T_blocks (two codes a byte, the even element in the low \
      nibble) and T_scales (one E8M0 byte for 32 elements) are written, as published MXFP4 checkpoints \
      have them; other tensors are copied. In NVFP4 scales are E4M3, one for 16 elements, and \
      T_outer_scale multiplies them. With --values, T.values (F32), T.codes and T.scales (U8) \
      instead. 'eval', 'predict' and 'train --init' read what is written.

      Of a checkpoint, the matrices are quantized that its training quantized (qkv, proj, fc1 and fc2 of \
      every block), of another file all; --all takes the head, Swin's merging and its tables too.

        tetrajet quantize model.safetensors model-mxfp4.safetensors
        tetrajet quantize in.safetensors out.safetensors --rounding stochastic

      A checkpoint's matrices get the codes that its training used: format, scale rule and rounding are \
      those of its recipe unless they are named. Rounding 'ema' (Q-EMA) takes the moving averages of T from \
      a tensor T.ema.
      """)

  @Argument(help: "The file to read.")
  var input: String

  @Argument(help: "The file to write ('-' for standard output).")
  var output: String

  @Option(help: "mxfp4 (E2M1 elements), e3m0 or nvfp4. (default: the checkpoint's, or mxfp4)")
  var format: FormatName?

  @Option(help: "The rule that chooses scales. (default: the checkpoint's, or truncation-free)")
  var scale: ScaleRule?

  @Option(help: "How elements are rounded. (default: the checkpoint's, or nearest-even)")
  var rounding: Rounding?

  @Option(
    help:
      "Along which axis 32 elements (16 in nvfp4) share a scale: 'rows' within a row, 'columns' within a column. (default: rows)"
  )
  var axis: GroupAxis?

  @Flag(help: "Quantize every matrix of a checkpoint, not only those that its training quantized.")
  var all = false

  @Flag(help: "Write values, codes and scales instead of packed blocks.")
  var values = false

  @Option(help: "The seed of stochastic rounding.")
  var seed: UInt64 = 0

  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup var outputs: OutputOption

  func run() throws {
    // A folder stands for one of its files.
    let target = try outputs.file(
      output,
      inputs: [input, "\(input)/model.safetensors"] + RunDirectory.files(of: input))
    let report = try FileQuantization(
      format: format?.format, scaleRule: scale, rounding: rounding, axis: axis,
      quantizesAll: all, writesValues: values, seed: seed
    ).run(input, output: target)
    if report.matrices == 0 {
      writeError(
        report.alreadyQuantized > 0
          ? "\(input) is quantized already: it stays as it is (quantized matrices: \(report.alreadyQuantized))\n"
          : "\(input) has no matrix to quantize (2-D, floating-point): nothing was quantized\n")
    }
    if report.brokenGroups > 0 {
      writeError("groups with a NaN or an infinity, whose scale is NaN: \(report.brokenGroups)\n")
    }
    let text = json ? line(report).text : sentence(report)
    if target.isStandardOutput { writeError(text + "\n") } else { try printLine(text) }
  }

  private func line(_ report: FileQuantization.Report) -> JSONLine {
    var line = JSONLine()
    line.add("input", input)
    line.add("output", output)
    line.add("matrices", report.matrices)
    line.add("elements", report.elements)
    line.add("selection", report.isCheckpoint && !all ? "trained" : "all")
    line.add("rounding", report.rounding.rawValue)
    line.add("bytes_before", report.bytesBefore)
    line.add("bytes_after", report.bytesAfter)
    line.add("copied_tensors", report.copied)
    line.add("broken_groups", report.brokenGroups)
    return line
  }

  private func sentence(_ report: FileQuantization.Report) -> String {
    let (before, after) = (mebibytes(report.bytesBefore), mebibytes(report.bytesAfter))
    return
      "\(counted(report.matrices, "matrix", "matrices")), \(report.elements) elements: \(before) -> \(after) MiB in 4 bits; "
      + "\(counted(report.copied, "other tensor")) copied" + remark(report)
  }

  /// What a reader might have expected otherwise.
  private func remark(_ report: FileQuantization.Report) -> String {
    if !report.isCheckpoint {
      return "; not a checkpoint of 'tetrajet train': all its matrices were taken"
    }
    guard report.keptMatrices > 0 else { return "" }
    return
      ", among them \(counted(report.keptMatrices, "matrix", "matrices")) that training keeps in single "
      + "precision (--all takes them)"
  }

  private func mebibytes(_ bytes: Int) -> String { fixed(Double(bytes) / 1_048_576, 2) }
}
