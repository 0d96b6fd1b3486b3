import MXRuntime
import Testing

@Suite("An arena")
struct ArenaTests {
  @Test("takes copies of numbers in rows, one behind the other")
  func copies() {
    let arena = Arena(chunkCount: 64)
    let numbers: [Float] = [1, 2, 3, 4, 5, 6]
    let (wide, tall) = (
      arena.matrix(copying: numbers.span, rows: 2), arena.matrix(copying: numbers.span, rows: 3)
    )
    #expect(wide.columns == 3 && tall.columns == 2)
    #expect(Array(wide.elements) == numbers && Array(tall.elements) == numbers)
  }

  @Test("hands out its memory again, and counts what has been touched once")
  func touched() {
    let arena = Arena(chunkCount: 64)
    arena.scratch { _ = arena.allocate(33) }
    #expect(arena.usedCount == 0 && arena.touchedCount == 48)
    arena.scratch { _ = arena.allocate(16) }
    #expect(arena.touchedCount == 48)
    // The rest of the first chunk is too short for the second of these.
    arena.scratch { _ = (arena.allocate(16), arena.allocate(64)) }
    #expect(arena.touchedCount == 48 + 64)
  }

  @Test(
    "gives an empty chunk that is too small back for a larger one, and keeps what lies before it")
  func enlarged() {
    let arena = Arena(chunkCount: 64)
    let first = arena.allocate(48)
    first[47] = 5
    arena.scratch { _ = arena.allocate(64) }
    #expect(arena.touchedCount == 48 + 64)
    arena.scratch {
      let larger = arena.allocate(160)
      larger[159] = 6
      #expect(first[47] == 5 && larger[159] == 6)
    }
    // The second chunk has 160 numbers now, and not two chunks 64 and 160.
    #expect(arena.touchedCount == 48 + 160)
    arena.scratch { _ = (arena.allocate(64), arena.allocate(96)) }
    #expect(arena.touchedCount == 48 + 160)
  }
}
