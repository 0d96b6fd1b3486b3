import Files

/// What can be wrong with the bytes of one image.
package struct ImageError: ReportableError, Equatable {
  /// The fault, with what was found.
  package enum Fault: Sendable, Equatable {
    /// There are no bytes at all.
    case empty
    /// The first bytes are those of no format that is read here.
    case unrecognized(firstBytes: [UInt8])
    /// The header claims more pixels than are decoded (`EncodedImage.init`), or none.
    case size(width: Int, height: Int)
    /// The header claims more pixels than a file of so many bytes can hold.
    case implausible(width: Int, height: Int, bytes: Int)
    /// The reader of the format refused the data, in its own words, where it has any.
    case damaged(ImageFormat, String?)
    /// There is no library for the format on this system.
    case libraryMissing(ImageFormat)
  }

  /// What the data set calls the image: its path, or "file.bin record 17".
  package let name: String
  /// What is wrong with it.
  package let fault: Fault

  /// A fault of an image.
  package init(name: String, fault: Fault) {
    self.name = name
    self.fault = fault
  }

  /// Bad data, always.
  package var category: ErrorCategory { .badData }

  /// One line of at most 2,000 characters (`oneLine`): the name, what was found, what was expected, what to try.
  package var description: String { oneLine("\(name): \(reason)") }

  /// The text without the name.
  package var reason: String {
    switch fault {
    case .empty: "the file is empty; fetch it again or remove it"
    case .unrecognized(let bytes):
      "neither \(ImageFormat.allCases.dropLast().map(\.rawValue).joined(separator: ", ")) nor "
        + "\(ImageFormat.allCases.last!.rawValue): the file starts with \(hexadecimal(bytes)); "
        + "convert it or remove it"
    case .size(let width, let height):
      "the header claims \(width) x \(height) pixels, expected 1 to \(Image.maximumPixels) in all "
        + "(of a JPEG four times as many); make the image smaller or remove it"
    case .implausible(let width, let height, let bytes):
      "the header claims \(width) x \(height) pixels, more than a file of \(bytes) bytes can hold: "
        + "it is damaged or cut off; fetch it again or remove it"
    case .damaged(let format, let message):
      "damaged or unreadable \(format.rawValue)\(message.map { " (\($0))" } ?? ""); fetch it again or remove it"
    case .libraryMissing(let format):
      "\(format.article) \(format.rawValue) image, and \(format.advice) or convert the image"
    }
  }

  private func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }
      .joined(separator: " ")
  }
}
