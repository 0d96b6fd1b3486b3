/// An operation on the pixels of an image, with its argument: those that RandAugment, 3-Augment and colour jitter are
/// made of. Each gives what Pillow gives, within a level here and there.
package enum ImageOperation: Sendable, Equatable {
  /// Stretches each channel so that its smallest value becomes 0 and its largest 255 (ImageOps.autocontrast).
  case autoContrast
  /// Spreads each channel's values evenly over 0…255 by its histogram (ImageOps.equalize).
  case equalize
  /// 255 − value (ImageOps.invert).
  case invert
  /// Luma in every channel (convert("L")).
  case grayscale
  /// Turns the image counter-clockwise about its centre, by degrees; bicubic, corners filled.
  case rotate(Double)
  /// Moves row y left by `factor` · y pixels; RandAugment's range is ±0.3.
  case shearX(Double)
  /// Moves column x up by `factor` · x pixels; RandAugment's range is ±0.3.
  case shearY(Double)
  /// Moves the image left by a share of its width; RandAugment's range is ±0.45.
  case translateX(Double)
  /// Moves the image up by a share of its height; RandAugment's range is ±0.45.
  case translateY(Double)
  /// Keeps the upper bits of each value, 0…8 of them (ImageOps.posterize).
  case posterize(Int)
  /// Inverts values from a threshold on, 0…256 (ImageOps.solarize).
  case solarize(Int)
  /// Adds 0…255 to values below 128.
  case solarizeAdd(Int)
  /// Saturation: 0 is grey, 1 the image, more is beyond it (ImageEnhance.Color).
  case color(Double)
  /// 0 is the image's mean grey, 1 the image (ImageEnhance.Contrast).
  case contrast(Double)
  /// 0 is black, 1 the image (ImageEnhance.Brightness).
  case brightness(Double)
  /// 0 is smoothed by a 3 × 3 kernel, 1 the image, 2 sharpened (ImageEnhance.Sharpness).
  case sharpness(Double)
  /// Three box blurs that together come near a Gaussian of this radius in pixels (ImageFilter.GaussianBlur).
  case gaussianBlur(Double)

  /// The operation of a name and an argument, as in "Rotate" and 30; nil where there is none of that name, or the
  /// argument is missing, superfluous or out of its range.
  package init?(name: String, argument: Double?) {
    func real(_ range: ClosedRange<Double>, _ make: (Double) -> ImageOperation) -> ImageOperation? {
      argument.flatMap { range.contains($0) ? make($0) : nil }
    }
    func whole(_ range: ClosedRange<Int>, _ make: (Int) -> ImageOperation) -> ImageOperation? {
      argument.flatMap(Int.init(exactly:)).flatMap { range.contains($0) ? make($0) : nil }
    }
    func plain(_ operation: ImageOperation) -> ImageOperation? { argument == nil ? operation : nil }
    let operation: ImageOperation? =
      switch name {
      case "AutoContrast": plain(.autoContrast)
      case "Equalize": plain(.equalize)
      case "Invert": plain(.invert)
      case "Grayscale": plain(.grayscale)
      case "Rotate": real(-360...360, Self.rotate)
      case "ShearX": real(-10...10, Self.shearX)
      case "ShearY": real(-10...10, Self.shearY)
      case "TranslateX": real(-1...1, Self.translateX)
      case "TranslateY": real(-1...1, Self.translateY)
      case "Posterize": whole(0...8, Self.posterize)
      case "Solarize": whole(0...256, Self.solarize)
      case "SolarizeAdd": whole(0...255, Self.solarizeAdd)
      case "Color": real(0...100, Self.color)
      case "Contrast": real(0...100, Self.contrast)
      case "Brightness": real(0...100, Self.brightness)
      case "Sharpness": real(0...100, Self.sharpness)
      case "GaussianBlur": real(0...100, Self.gaussianBlur)
      default: nil
      }
    guard let operation else { return nil }
    self = operation
  }

  /// The names that `init(name:argument:)` knows, with what they take.
  package static let usage =
    "AutoContrast, Equalize, Invert, Grayscale; Rotate=DEGREES, ShearX=FACTOR, ShearY=FACTOR, "
    + "TranslateX=SHARE, TranslateY=SHARE, Posterize=BITS, Solarize=THRESHOLD, SolarizeAdd=LEVELS, "
    + "Color=FACTOR, Contrast=FACTOR, Brightness=FACTOR, Sharpness=FACTOR, GaussianBlur=RADIUS"
}

extension Image {
  /// The image after an operation; its size and channels stay.
  ///
  /// - Parameter fill: a value a channel for what comes in from outside of the image.
  package func applying(_ operation: ImageOperation, fill: [UInt8]) -> Image {
    precondition(fill.count == channels, "\(fill.count) fill values for \(channels) channels")
    switch operation {
    case .autoContrast: return mapped(histograms().map(Tone.autoContrast))
    case .equalize: return mapped(histograms().map(Tone.equalize))
    case .invert: return mapped { 255 - $0 }
    case .grayscale: return converted(channels: 1).converted(channels: channels)
    case .rotate(let degrees):
      return degrees == 0 ? self : transformed(.rotation(degrees, width, height), fill: fill)
    case .shearX(let factor):
      return transformed(AffineMap(a: 1, b: factor, c: 0, d: 0, e: 1, f: 0), fill: fill)
    case .shearY(let factor):
      return transformed(AffineMap(a: 1, b: 0, c: 0, d: factor, e: 1, f: 0), fill: fill)
    case .translateX(let share):
      return transformed(
        AffineMap(a: 1, b: 0, c: share * Double(width), d: 0, e: 1, f: 0), fill: fill)
    case .translateY(let share):
      return transformed(
        AffineMap(a: 1, b: 0, c: 0, d: 0, e: 1, f: share * Double(height)), fill: fill)
    case .posterize(let bits): return mapped { $0 & ~(255 >> bits) }
    case .solarize(let threshold): return mapped { $0 < threshold ? $0 : 255 - $0 }
    case .solarizeAdd(let levels): return mapped { $0 < 128 ? min(255, $0 + levels) : $0 }
    case .color(let factor):
      return blended(over: converted(channels: 1).converted(channels: channels), factor)
    case .contrast(let factor):
      let mean = meanLuma()
      return mapped { Tone.blend(from: mean, to: $0, Float(factor)) }
    case .brightness(let factor): return mapped { Tone.blend(from: 0, to: $0, Float(factor)) }
    case .sharpness(let factor): return blended(over: smoothed(), factor)
    case .gaussianBlur(let radius): return gaussianBlurred(radius)
    }
  }
}
