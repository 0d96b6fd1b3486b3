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
    arena.scratch {
      _ = (arena.allocate(16), arena.allocate(64))
      #expect(arena.touchedCount == 48 + 64)
    }
    // Of both chunks becomes one, without an end that stays empty.
    #expect(arena.touchedCount == 16 + 64)
    arena.scratch { _ = (arena.allocate(64), arena.allocate(16)) }
    #expect(arena.touchedCount == 16 + 64)
  }

  @Test("joins its chunks only where nothing is in use")
  func joined() {
    let arena = Arena(chunkCount: 64)
    let first = arena.allocate(16)
    first[15] = 5
    arena.scratch {
      let second = arena.allocate(96)
      second[95] = 6
      arena.scratch { arena.allocate(160)[159] = 7 }
      #expect(first[15] == 5 && second[95] == 6)
    }
    #expect(first[15] == 5 && arena.usedCount == 16)
    let whole = Arena(chunkCount: 64)
    whole.scratch { _ = (whole.allocate(48), whole.allocate(48), whole.allocate(32)) }
    whole.scratch {
      let base = whole.allocate(48)
      #expect(whole.allocate(48) == base + 48 && whole.allocate(32) == base + 96)
    }
  }
}
