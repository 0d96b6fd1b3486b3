/// The formats of image files that are read here, some of them where the system has a library for them.
package enum ImageFormat: String, Sendable, CaseIterable {
  case jpeg = "JPEG"
  case png = "PNG"
  case webp = "WebP"
  case gif = "GIF"
  case bmp = "BMP"
  case tiff = "TIFF"
  case heic = "HEIC"
  case avif = "AVIF"

  /// The endings of file names that people give the format, in lower case. What a file is, its content decides.
  package var fileExtensions: [String] {
    switch self {
    case .jpeg: [".jpg", ".jpeg", ".jfif", ".jpe"]
    case .png: [".png", ".apng"]
    case .webp: [".webp"]
    case .gif: [".gif"]
    case .bmp: [".bmp", ".dib"]
    case .tiff: [".tif", ".tiff"]
    case .heic: [".heic", ".heif", ".hif"]
    case .avif: [".avif"]
    }
  }

  /// The endings of all formats: what class folders and archives are searched for.
  package static let fileExtensions = allCases.flatMap(\.fileExtensions)

  /// Whether a file's name ends like that of an image which is read here, whether or not this system has the
  /// library for it: where it has not, opening the image says what to install.
  package static func isImage(_ name: String) -> Bool {
    fileExtension(of: name).map(fileExtensions.contains) ?? false
  }

  /// What kind of image a file is whose name ends like one that is not read here on any system ("camera raw"); nil
  /// for images that are read and for files that are none.
  package static func unreadKind(_ name: String) -> String? {
    guard let ending = fileExtension(of: name) else { return nil }
    return unreadKinds.first { $0.endings.contains(ending) }?.kind
  }

  private static let unreadKinds: [(kind: String, endings: [String])] = [
    (
      "camera raw",
      [
        ".dng", ".nef", ".nrw", ".cr2", ".cr3", ".crw", ".arw", ".srf", ".sr2", ".orf", ".rw2",
        ".raf",
        ".pef", ".srw", ".x3f", ".3fr", ".iiq", ".kdc", ".dcr", ".mrw", ".erf", ".raw",
      ]
    ),
    ("JPEG 2000", [".jp2", ".j2k", ".jpf", ".jpx", ".jpc", ".j2c"]),
    ("JPEG XL", [".jxl"]),
    ("JPEG XR", [".jxr", ".wdp", ".hdp"]),
    ("Netpbm", [".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".pam"]),
    ("Targa", [".tga"]),
    ("Photoshop", [".psd", ".psb"]),
    ("SVG", [".svg", ".svgz"]),
    ("icon", [".ico", ".icns", ".cur"]),
    ("OpenEXR", [".exr"]),
    ("Radiance", [".hdr"]),
    ("PostScript", [".eps"]),
    ("PCX", [".pcx"]),
    ("QOI", [".qoi"]),
    ("DirectDraw surface", [".dds"]),
    ("DICOM", [".dcm"]),
  ]

  /// The end of a name from its last dot on, in lower case.
  private static func fileExtension(of name: String) -> String? {
    name.lastIndex(of: ".").map { name[$0...].lowercased() }
  }
}
