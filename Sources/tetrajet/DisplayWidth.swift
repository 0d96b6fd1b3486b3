import Foundation

extension StringProtocol {
  /// The columns of a terminal that a text takes on one line: none for marks that combine with what stands before, two for
  /// wide characters (Unicode's East Asian Width W and F) and emoji.
  ///
  /// Characters of ambiguous width, such as █ and ‰, take two where the locale is Chinese, Japanese or Korean; terminals
  /// there can be set to either.
  var displayWidth: Int { reduce(0) { $0 + $1.displayWidth } }

  /// As much of the beginning as fits so many columns.
  func prefix(columns: Int) -> SubSequence {
    var left = columns
    return prefix { character in
      left -= character.displayWidth
      return left >= 0
    }
  }
}

extension Character {
  fileprivate var displayWidth: Int {
    let scalars = unicodeScalars
    let first = scalars[scalars.startIndex]
    switch first.properties.generalCategory {
    case .control, .format, .nonspacingMark, .enclosingMark: return 0
    default: break
    }
    // U+FE0F asks for the picture.
    let isPicture = first.properties.isEmojiPresentation || scalars.contains { $0.value == 0xFE0F }
    if isPicture || wide.contains(where: { $0.contains(first.value) }) { return 2 }
    return ambiguousIsWide && ambiguous.contains { $0.contains(first.value) } ? 2 : 1
  }
}

/// The blocks of wide characters, after EastAsianWidth.txt.
private let wide: [ClosedRange<UInt32>] = [
  0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3,
  0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
  0x17000...0x18DFF, 0x1B000...0x1B2FF, 0x1F200...0x1F2FF, 0x1F300...0x1F64F, 0x1F900...0x1F9FF,
  0x20000...0x3FFFD,
]

/// The blocks in which there are ambiguous characters, whole: rather a column too many than a line that wraps.
private let ambiguous: [ClosedRange<UInt32>] = [
  0xA1...0xFF, 0x391...0x451, 0x2010...0x2312, 0x2460...0x27BF, 0xE000...0xF8FF,
]

private let ambiguousIsWide: Bool = {
  let environment = ProcessInfo.processInfo.environment
  let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }
    .first { !$0.isEmpty }
  return ["zh", "ja", "ko"].contains { locale?.hasPrefix($0) == true }
}()
