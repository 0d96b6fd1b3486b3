extension ImageFormat {
  /// Whether this system has what reads the format.
  package var isReadable: Bool {
    switch self {
    case .jpeg, .png, .gif, .bmp: true
    case .webp: WebPDecoder.isAvailable
    case .tiff, .heic, .avif: LibraryDecoder.isAvailable(self)
    }
  }

  /// What must be installed to read the format, where a library of the system does it that was not found.
  var advice: String {
    switch self {
    case .webp: "libwebp was not found; install it (Debian: libwebp7, Homebrew: webp)"
    case .tiff: "libtiff was not found; install it (Debian: libtiff6, Homebrew: libtiff)"
    case .heic:
      "libheif with a decoder for it was not found; install it (Debian: libheif1 and, from 13 on, "
        + "libheif-plugin-libde265, Homebrew: libheif)"
    case .avif:
      "libheif with a decoder for it was not found; install it (Debian: libheif1 and, from 13 on, "
        + "libheif-plugin-dav1d, Homebrew: libheif)"
    case .jpeg, .png, .gif, .bmp: "its reader was not found; build the program again"
    }
  }

  /// The indefinite article that goes before the format's name.
  var article: String { self == .avif ? "an" : "a" }
}
