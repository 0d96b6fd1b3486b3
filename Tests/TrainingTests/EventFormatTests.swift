import EventFiles
import Files
import Testing
import Training

@Suite("Event files are written byte for byte as their formats say")
struct EventFormatTests {
  @Test(
    "CRC-32C has the check value of its catalogue and those of RFC 3720",
    arguments: [
      (Array("123456789".utf8), 0xE306_9283), ([], 0),
      ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
      ([UInt8](repeating: 255, count: 32), 0x62A8_AB43), (Array(0..<32), 0x46DD_794E),
      (Array((0..<32).reversed()), 0x113F_DB5C),
    ] as [([UInt8], UInt32)])
  func checksums(bytes: [UInt8], expected: UInt32) {
    #expect(CRC32C.checksum(bytes) == expected)
  }

  /// "tetra" as TensorBoard's own writer frames it.
  static let framed: [UInt8] = [
    0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xEA, 0xB2, 0x04, 0x3E, 0x74, 0x65,
    0x74, 0x72, 0x61, 0xA1, 0x2A, 0x3D, 0x84,
  ]

  @Test("a record is length, checksum, payload, checksum; what is cut off or wrong ends a file")
  func framing() {
    #expect(RecordFraming.record(Array("tetra".utf8)) == Self.framed)
    let two = Self.framed + RecordFraming.record([])
    #expect(RecordFraming.payloads(in: two) == [12..<17, 33..<33])
    #expect(RecordFraming.end(of: 12..<17) == 21)
    for length in 0..<21 {
      #expect(RecordFraming.payloads(in: Array(Self.framed.prefix(length))).isEmpty)
    }
    for length in 21..<37 {
      #expect(RecordFraming.payloads(in: Array(two.prefix(length))).count == 1)
    }
    for index in two.indices {
      var broken = two
      broken[index] ^= 0x10
      #expect(RecordFraming.payloads(in: broken).count == (index < 21 ? 0 : 1), "byte \(index)")
    }
  }

  @Test("an event with a number is 33 literal bytes")
  func scalarEvent() {
    var line = JSONLine()
    line.add("step", 300)
    line.add("train_loss", 0.25)
    let event = Event.summary(EventValue.values(of: line), step: 300, seconds: 1.5)
    #expect(
      event == [
        0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xF8, 0x3F,  // wall_time 1.5
        0x10, 0xAC, 0x02,  // step 300
        0x2A, 0x13, 0x0A, 0x11,  // summary { value {
        0x0A, 0x0A, 0x74, 0x72, 0x61, 0x69, 0x6E, 0x2F, 0x6C, 0x6F, 0x73, 0x73,  // "train/loss"
        0x15, 0x00, 0x00, 0x80, 0x3E,  // simple_value 0.25
      ])
  }

  @Test("the first event of a file says brain.Event:2 and who wrote it")
  func head() {
    #expect(
      Event.head(seconds: 1.5)
        == [0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xF8, 0x3F, 0x1A, 0x0D]
        + Array("brain.Event:2".utf8) + [0x52, 0x0A, 0x0A, 0x08] + Array("tetrajet".utf8))
  }

  @Test("a histogram's ends are edges of the bins that are not empty")
  func histogramEvent() throws {
    var line = JSONLine()
    line.add("confidence_histogram", [0, 1, 3, 0])
    let event = Event.summary(EventValue.values(of: line), step: 300, seconds: 1.5)
    // wall_time, step, summary { value { "confidence/all", histo {
    let start = Array(event.prefix(12)) + [0x2A, 0x86, 0x01, 0x0A, 0x83, 0x01, 0x0A, 0x0E]
    func bytes(_ values: [Double]) -> [UInt8] {
      values.flatMap { value in (0..<8).map { UInt8(value.bitPattern >> (8 * $0) & 255) } }
    }
    var expected = start + Array("confidence/all".utf8) + [0x2A, 0x71]
    // min, max, num, sum, sum_squares
    for (key, value) in [(0x09, 0.25), (0x11, 0.75), (0x19, 4), (0x21, 2.25), (0x29, 1.3125)] {
      expected += [UInt8(key)] + bytes([value])
    }
    expected += [0x32, 0x20] + bytes([0.25, 0.5, 0.75, 1])
    expected += [0x3A, 0x20] + bytes([0, 1, 3, 0])
    #expect(event == expected)
  }

  @Test("a negative integer takes ten bytes more than its key, and is read back")
  func negativeIntegers() {
    var message = ProtobufWriter()
    message.add(2, -1)
    #expect(message.bytes == [0x10] + [UInt8](repeating: 0xFF, count: 9) + [0x01])
    var fields = ProtobufReader(ArraySlice(message.bytes))
    let field = fields.next()
    #expect(field?.field == 2 && field?.value == .integer(.max))
    #expect(fields.next() == nil)
    var torn = ProtobufReader(message.bytes.dropLast())
    #expect(torn.next() == nil)
  }

  @Test("every number of a line has a tag, nested ones under the name of their object")
  func tags() {
    var line = JSONLine()
    for key in [
      "step", "epoch", "train_loss", "learning_rate", "images_per_second", "loader_wait_share",
      "eval_top1", "eval_average_top1", "flips_per_step", "dampen_lambda",
    ] { line.add(key, 1) }
    var shares = JSONLine()
    shares.add("q1", Double.nan)
    line.add("saturation", shares)
    var layer = JSONLine()
    layer.add("name", "blocks.0.attn.qkv.weight")
    layer.add("mean", 0.5)
    layer.add("histogram", [1])
    line.add("confidence_layers", [layer])
    line.add("trajectories", [JSONLine()])
    let values = EventValue.values(of: line)
    #expect(
      values.map(\.tag) == [
        "train/epoch", "train/loss", "train/learning_rate", "train/images_per_second",
        "train/loader_wait_share", "eval/top1", "eval_average/top1", "oscillation/flips_per_step",
        "oscillation/dampen_lambda", "saturation/q1", "confidence/blocks.0.attn.qkv.weight",
        "confidence_mean/blocks.0.attn.qkv.weight",
      ])
    guard case .scalar(let share) = values[9].content else { return #expect(Bool(false)) }
    #expect(share.isNaN)
    #expect(values[10].content == .histogram(BinnedHistogram([1])))
  }
}
