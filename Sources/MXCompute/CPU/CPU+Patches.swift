import MXRuntime

extension CPU {
  package func projectPatches(
    _ images: FloatMatrix, _ grid: PatchGrid, weight: FloatMatrix, bias: FloatMatrix,
    into y: FloatMatrix, arena: Arena
  ) {
    arena.scratch {
      let patches = patches(of: images, grid, arena)
      product(
        operand(patches, axis: .rows, grid.precision, arena: arena),
        operand(weight, axis: .rows, grid.precision, arena: arena), bias: bias, into: y,
        accumulates: false, arena: arena)
    }
  }

  package func projectPatchesBackward(
    _ images: FloatMatrix, _ grid: PatchGrid, dy: FloatMatrix, dWeight: FloatMatrix,
    dBias: FloatMatrix, arena: Arena
  ) {
    arena.scratch {
      let patches = patches(of: images, grid, arena)
      reduceRows(dy.rows, into: dBias, arena: arena) { rows, partial in
        kernels.addColumnSums(of: dy.rows(rows), to: partial)
      }
      product(
        operand(dy, axis: .columns, grid.precision, arena: arena),
        operand(patches, axis: .columns, grid.precision, arena: arena), bias: nil, into: dWeight,
        accumulates: true, arena: arena)
    }
  }

  /// [B·P, L].
  func patches(of images: FloatMatrix, _ grid: PatchGrid, _ arena: Arena) -> FloatMatrix {
    let (size, patch) = (grid.imageSize, grid.patch)
    precondition(
      images.columns == grid.channels * size * size, "images of \(images.columns) numbers")
    let across = size / patch
    let result = arena.matrix(rows: images.rows * grid.count, columns: grid.length)
    forEach(images.rows) { image in
      var target = result.row(image * grid.count)
      let pixels = images.row(image)
      for index in 0..<grid.count {
        let corner = pixels + index / across * patch * size + index % across * patch
        for channel in 0..<grid.channels {
          for row in 0..<patch {
            target.update(from: corner + (channel * size + row) * size, count: patch)
            target += patch
          }
        }
      }
    }
    return result
  }
}
