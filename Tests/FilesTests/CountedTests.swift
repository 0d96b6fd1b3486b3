import Files
import Testing

@Suite("Numbers of things")
struct CountedTests {
  @Test("one is one, and all other numbers are many")
  func plurals() {
    #expect((0...2).map { counted($0, "image") } == ["0 images", "1 image", "2 images"])
    #expect(
      counted(1, "class", "classes") == "1 class" && counted(2, "class", "classes") == "2 classes")
  }
}
