import MXLinear
import MXRuntime
import Oscillation
import TestSupport
import Testing

@Suite("A remedy says beforehand what it will take of memory")
struct RemedyMemoryTests {
  private static let quantizer: WeightQuantizer = {
    var table = ParameterTable()
    _ = table.add("a.weight", [48, 70], decays: true, quantized: true)
    _ = table.add("a.bias", [48], decays: false)
    _ = table.add("b.weight", [20, 48], decays: true, quantized: true)
    return WeightQuantizer(table, LinearRecipe.tetrajet[.q2])
  }()

  /// The bytes of all buffers that an object holds, and of those that its objects hold.
  private func bytes(_ value: Any) -> Int {
    switch value {
    case let buffer as AlignedBuffer<Float>: buffer.count * MemoryLayout<Float>.stride
    case let buffer as AlignedBuffer<UInt8>: buffer.count
    default: Mirror(reflecting: value).children.reduce(0) { $0 + bytes($1.value) }
    }
  }

  @Test("the buffers that it makes, and those of its state", arguments: RemedyName.allCases)
  func buffers(_ name: RemedyName) {
    let remedy = name.make(RemedySettings(), quantizer: Self.quantizer, cpu)
    let memory = name.memory(Self.quantizer)
    #expect(memory.kept == bytes(remedy))
    #expect(memory.state == remedy.state.reduce(0) { $0 + bytes($1.buffer) })
    #expect(memory.ramps == (remedy.updatePeriods != nil))
  }

  @Test("a window of movements")
  func window() {
    let window = MovementWindow(Self.quantizer, cpu, arena: Arena(chunkCount: 1 << 12))
    #expect(MovementWindow.bytes(Self.quantizer) == bytes(window))
  }

  @Test("the scratch of quantizing all weights")
  func scratch() {
    let quantizer = Self.quantizer
    let arena = Arena(chunkCount: 1 << 12)
    let (weights, values) = (
      AlignedBuffer<Float>(count: quantizer.count), AlignedBuffer<Float>(count: quantizer.count)
    )
    withExtendedLifetime(values) {
      quantizer.quantize(weights, averages: nil, into: values.matrix(), by: cpu, arena: arena)
    }
    // Arenas hand out whole cache lines.
    #expect(
      arena.peakCount * MemoryLayout<Float>.stride == (quantizer.scratchBytes + 63) / 64 * 64)
  }
}
