import ArgumentParser
import Files
import Reports
import Training
import VisionModels

struct ModelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models",
    abstract: "List the models that have names: parameters, multiply-adds, memory.",
    discussion: """
      The names are what 'train --set model.preset=NAME' and 'bench --model NAME' take. Multiply-adds are \
      those of one image's forward pass. With --memory, also what training takes in MiB at a batch of 1 \
      and of 32, by the model's own account (images and the process itself come on top), which takes some \
      seconds; for one model by name, also what each layer keeps of an image for the backward pass.

        tetrajet models
        tetrajet models deit_tiny_patch16_224 --memory
      """)

  @Argument(help: "One model. (default: all)")
  var name: String?

  @Flag(help: "Show what training takes of memory, by method.")
  var memory = false

  @Flag(help: "Print one JSON object a line and model.")
  var json = false

  @OptionGroup var threading: ThreadOption

  func run() throws {
    let cpu = try threading.cpu()
    let methods: [Method] = memory ? [.fp32, .microscaling, .tetrajet] : []
    var rows: [[String]] = []
    if let name { _ = try ModelConfiguration.preset(name) }
    let models = ModelConfiguration.presets.filter { name == nil || $0.name == name }
    var kept: [[(name: String, bytes: Int)]] = []
    for (name, shape) in models {
      let parameters = try VisionModel(shape, recipe: .fp32).parameters.count
      let memories = try methods.map { ($0, try ModelMemory(shape, $0.linearRecipe, cpu)) }
      kept = memories.map(\.1.kept)
      if json {
        var line = JSONLine()
        line.add("model", name)
        line.add("parameters", parameters)
        line.add("multiply_adds", shape.multiplyAdds)
        for (method, memory) in memories {
          for batch in [1, 32] {
            line.add("\(method.rawValue)_memory_mb_batch_\(batch)", memory.mebibytes(batch: batch))
          }
          line.add(
            "\(method.rawValue)_kept",
            memory.kept.map { layer, bytes in
              var object = JSONLine()
              object.add("layer", layer)
              object.add("bytes", bytes)
              return object
            })
        }
        try printLine(line.text)
      }
      rows.append(
        [name, "\(parameters)", fixed(Double(shape.multiplyAdds) / 1e9, 2)]
          + memories.flatMap { memory in
            [1, 32].map { fixed(memory.1.mebibytes(batch: $0), 0) }
          })
    }
    if json { return }
    let columns = methods.flatMap { method in
      [1, 32].map { "\(method.rawValue), \($0)" }
    }
    try printLine(table(["model", "parameters", "10⁹ multiply-adds"] + columns, rows))
    guard memory else { return }
    try printLine("MiB of memory in training, by method and batch.")
    if name != nil {
      try printLine("\nKiB kept of one image for the backward pass, with the quantized weights:")
      let layers = kept[0].indices.map { index in
        [kept[0][index].name] + kept.map { fixed(Double($0[index].bytes) / 1024, 1) }
      }
      try printLine(table(["layer"] + methods.map(\.rawValue), layers))
    }
  }
}
