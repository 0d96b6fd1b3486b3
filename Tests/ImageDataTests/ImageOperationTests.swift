import ImageData
import Testing

/// The expected values are those of Pillow 13 and timm 1.0 for the same pixels, through
/// timm.data.auto_augment with bicubic resampling and the fill (124, 116, 104), `convert("L")`, and
/// ImageFilter.GaussianBlur.
@Suite("Image operations")
struct ImageOperationTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let operation: ImageOperation
    let expected: [UInt8]

    init(_ operation: ImageOperation, _ hexadecimal: String) {
      self.operation = operation
      expected = bytes(hexadecimal: hexadecimal)
    }

    var testDescription: String { "\(operation)" }
  }

  static let fill: [UInt8] = [124, 116, 104]

  /// Of `pattern(8, 6, 3)`.
  static let cases = [
    Case(
      .invert,
      "f4cfaa85603b16f1cca7825d3813eec9a47f5a3510ebc6a17c57320de8c39e79542f0ae5c09b76512c07"
        + "e2bd98734e2904dfba95704b2601dcb7926d4823fed9b48f6a4520fbd6b18c67421df8d3ae89643f1af5"
        + "d0ab86613c17f2cda8835e3914efcaa5805b3611ecc7a27d58330ee9c49f7a55300be6c19c77522d08e3"
        + "be99744f2a05e0bb96714c2702ddb8936e49"),
    Case(
      .grayscale,
      "292929989898545454767676c8c8c8545454c3c3c3323232a1a1a15d5d5d7f7f7fd1d1d15d5d5dcccccc"
        + "3b3b3baaaaaa666666888888dadada666666b8b8b8444444b3b3b32222229191914d4d4d6f6f6fc1c1c1"
        + "4d4d4dbcbcbc2b2b2b9a9a9a565656787878cacaca565656c5c5c5343434a3a3a35f5f5f818181d3d3d3"
        + "5f5f5fcecece3d3d3dacacac6868688a8a8a"),
    Case(
      .rotate(30),
      "7c74687c746885d16b9bc02785aad81d42673b60857c74687c7468e9062d9ebc58507563759a9f678ccd"
        + "4070957eb0d5837193a1258390ea64678b678aaf1492b7df135175d34469bc7aa1898294ccf02ea3cd3a"
        + "577c606181bb3d6287df5277ff1035b34075a2195a8ac5313e63b2678db080b8dd7c74687c7468a05d85"
        + "5f61a3a1d22e92b7e5597e9f7c74687c7468"),
    Case(
      .rotate(-13.5),
      "59b8dd9b6282c33578a740627cc86f9fc4017c74687c7468ff1b40a94e8f96a379aff1446e954587acd1"
        + "678cbd5b80a57d92b7b9355eb0d04952778ab2d70e53787c5378a0668bb0c3255a8e456e6fab68b1d60c"
        + "375c70779cc96087ac032e53a2a7658ad94a8bab4c567bd27ea1d12d6c8e3f567bafa5ca7c74687c7468"
        + "94b9ff52779b4183a89a6d92dd6388f9082d"),
    Case(
      .rotate(90),
      "7c7468a5caef1d426795badf0d325785aacffd22477c74687c7468365b80aed3f8264b709ec3e8163b60"
        + "8eb3d87c74687c7468c7ec113f6489b7dc012f5479a7ccf11f44697c74687c7468587da2d0f51a486d92"
        + "c0e50a385d82b0d5fa7c74687c7468e90e336186abd9fe2351769bc9ee1341668b7c74687c74687a9fc4"
        + "f2173c6a8fb4e2072c5a7fa4d2f71c7c7468"),
    Case(
      .shearX(0.3),
      "1943689993b8dd0c365b9c96bbe00f395e9f9bc0e504294ec55a7fb3286a8fd76c91b62b6d92da6f94b9"
        + "3b60859bc0e57e63accafb3c618683a8cd1a3f643d86abdc2d52777c7468df052b508098bde2082e5383"
        + "9bc0e50c315681a6cb7c746876c1789dc21b5479c47ba0c51e577cbc87acff03287c74686c914893b8f1"
        + "4a6f944b96bbf44d72a75e837c74687c7468"),
    Case(
      .shearY(-0.135),
      "03284d6ab0d5fd0021486db37c74687c74687c74687c746873a7cceb23487d4b96a9ce4a86ab4c5b80a5"
        + "92b7dc12375cfb22477a83a8baf24886ab5b678c5996bbe020456a8cb1d67597bcd6173c769b7c89ae48"
        + "87ac11385d828eb3d804294eea12376a5298aacf38769b29577cc686abd00d355a79a1c66c7fa4b5e23b"
        + "779c58678ccf83a8cd21466b9fa4c9f4193e"),
    Case(
      .translateX(0.2025),
      "dd3e63883580a5e041668b3883a8e3557a9f7c74687c7468913e89aee94a6f94418cb1ec4d729754799e"
        + "7c74687c7468b7f253789d7095ba31567b287398d3456a8f7c74687c7468812e799ed93a5f84317ca1dc"
        + "3d628744698e7c74687c7468a7e243688d3a85aae5466b903d88add35a7f7c74687c74687196438eb3ee"
        + "4f74994691b6f15277ad597e7c74687c7468"),
    Case(
      .translateY(-0.45),
      "7c74687c74687c74687c74687c74687c74687c74687c74687c74687c74687c74687c74687c74687c7468"
        + "7c74687c74687c74687c74687c74687c74687c74687c74687c74687c7468275c81a66e93b82a5f84a971"
        + "96bb3d6287ac7499be40658ac189aed32f5479c48cb1d632577c6a8fb4d9355a7f6d92b7dc385d827095"
        + "badf3b60857398bd093e6388769bc00c4166"),
    Case(
      .posterize(3),
      "0020406080c0e000204060a0c0e000204080a0c0e000204080a0c0e000206080a0c0e000206080a0c0e0"
        + "00406080a0c0e020406080a0c0e020406080a0c00020406080a0c00020406080a0e00020406080c0e000"
        + "20406080c0e000204060a0c0e000204060a0c0e000204080a0c0e000206080a0c0e000206080a0c0e000"
        + "406080a0c0e000406080a0c0e020406080a0"),
    Case(
      .solarize(100),
      "0b305585603b160e3358825d381311365b7f5a351014395e7c57320d173c6179542f0a1a3f9b76512c07"
        + "1d4298734e2904204595704b26012348926d482301264b8f6a452004294e8c67421d072c5189643f1a0a"
        + "2f5486613c170d3257835e391410355a805b361113385d7d58330e163b607a55300b193e6377522d081c"
        + "4199744f2a051f4496714c27022247936e49"),
    Case(
      .solarizeAdd(110),
      "799ec3e89fc4e97ca1c6eba2c7ec7fa4c980a5caef82a7cc83a8cdf285aacf86abd0f588add289aed3f8"
        + "8bb0d58cb1d6fb8eb3d88fb4d9fe91b6db92b7dc6f94b9de95badf7297bce198bde2759abfe49bc0e578"
        + "9dc2e79ec3e87ba0c5eaa1c6eb7ea3c8eda4c9ee81a6cb82a7ccf184a9ce85aacff487acd188add2f78a"
        + "afd48bb0d5fa8db2d78eb3d8fd90b5da91b6"),
    Case(
      .color(0.19),
      "232a319299a070464d70777ec7cea54e555cbdc4cb2c333a9ba2a9794f56798087d0d7ae575e65c6cdd4"
        + "353c43a4abb282585f828990d9e0b760676eb7be953e454cadb4bb1c232a8b9299693f46697077c0c79e"
        + "474e55b6bdc4252c33949ba272484f727980c9d0a750575ebfc6cd2e353c9da4ab7b51587b8289d2d9b0"
        + "596067c8cfd6373e45a6adb4845a61848b92"),
    Case(
      .color(1.81),
      "00357861a4e7ff00183f82c5c6ff001d60a38ccfff003e816aadf0ff0021488bcecfff002669ac95d8ff"
        + "04478a73b6f9ff002a5194d7d8ff002f72b5b6f9000d50937cbfff002e715a9de0ff0011387bbebfff00"
        + "16599c85c8ff00377a63a6e9ff001a4184c7c8ff001f62a58ed1ff0040836caff2ff00234a8dd0d1ff00"
        + "286bae97daff06498c75b8fbff002c5396d9"),
    Case(
      .contrast(0.19),
      "6a71787f868d946b727980878e956b727980878e956c737a81888f966c737a818890976d747b82899097"
        + "6e757c838a91986e757c838a91986f767d848b92686f767d848b926970777e858c936970777e858c946a"
        + "71787f868d946a717980878e956b727980878e956c737a81888f966c737a81888f966d747b828990976d"
        + "747b828990976e757c838a91986e757d848b"),
    Case(
      .contrast(1.81),
      "00003174b7faff00003679bcffff00003c7fc2ffff00004184c7ffff0004478acdffff00094c8fd2ffff"
        + "000e5194d7ffff0014579addffff00195c9fe2ff00001f62a5e8ff00002467aaedff00002a6db0f3ff00"
        + "002f72b5f8ff00003477bafdff00003a7dc0ffff00003f82c5ffff00024588cbffff00074a8dd0ffff00"
        + "0d5093d6ffff00125598dbffff00185a9de0"),
    Case(
      .brightness(0.55),
      "061a2e43576b80071c3044596d81091d32465a6f830b1f33485c70850c2135495e72860e22374b5f7488"
        + "0f24384d61758a11253a4e63778b13273b5064790014293d51667a02162a3f53677c03182c4055697d05"
        + "192e42566b7f071b2f44586c81081d31455a6e820a1e33475b70840c2034495d71860d22364a5f73870f"
        + "23384c6075891125394e62768b12273b4f64"),
    Case(
      .brightness(1.9),
      "145ba1e7ffffff1a60a7edffffff2066acf3ffffff266cb2f8ffffff2b72b8feffffff3177beffffffff"
        + "377dc3ffffffff3c83c9ffffffff4288cfffffff01488ed4ffffff074d94daffffff0d5399e0ffffff13"
        + "599fe5ffffff185fa5ebffffff1e64abf1ffffff246ab0f7ffffff2970b6fcffffff2f75bcffffffff35"
        + "7bc1ffffffff3a81c7ffffffff4086cdffff"),
    Case(
      .sharpness(0.1),
      "0b30557a9fc4e90e33587da2c7ec11365b80a5caef14395e83a8cdbc4c5f848687acbf3d6287778aafb0"
        + "40658a8cb1d6fb20458d7d90b5b6466b906e93b848496e827196bb04294e7398bdbe4e4f7488779cc13f"
        + "5277797a9fb242557a7ca1c6eb10357d7f80a5b8485b808283a8bb4b5e838586abf4193e6388add2f71c"
        + "41668bb0d5fa1f44698eb3d8fd22476c91b6"),
    Case(
      .sharpness(1.9),
      "0b30557a9fc4e90e33587da2c7ec11365b80a5caef14395e83a8cdff00183d86cef3ff001b409bd1f6ff"
        + "001e438cb1d6fb204546a1d7fcff002449b5daff0002275eb8ddff04294e7398bdff00082d64bee3ff00"
        + "0b3079c1e6ff000e337ca1c6eb1035367fc7ecff00143982caefff00173c85cdf2f4193e6388add2f71c"
        + "41668bb0d5fa1f44698eb3d8fd22476c91b6"),
    Case(
      .gaussianBlur(0.5),
      "26466b847a9fc436557a877ea3c737587d8a80a5c92e53788c83a8c446678c8680a5c7456a8f7483a8c7"
        + "486d926b90b5d54266957a89afcd4d7297688db2325075856a8fb32a4e73947398b739577b8b7196ba39"
        + "597e797499ba3c5d827380a5c63556857f799ec0416388827ca1c144668a857fa4ce3e637c8793afcf42"
        + "658a818eb3d244688d8491b6d5476c877ba0"),
    Case(
      .gaussianBlur(1),
      "605c7e86617d9c6b6e928c6484a06871958b6085a14c71958c62839a6a799b826b8e9b617e9e6d6d9290"
        + "5d829f51759aab5f7ca4717298926487a25d779a6c678b8c5b7b99536f93aa5e76a0706c919163809d66"
        + "70937d6583936673946f698da2687099816889986c7999826c8c966e7c9a856c8f976287938374929a69"
        + "839f7b75979c6b86a27d789b9d688ca1668b"),
    Case(
      .gaussianBlur(2),
      "856977877174887b728485747b897b6f878263818a5c7b908b6c768b74738a7e738486757a8a7c708683"
        + "66808b617a909171768f79748b81748488777b897f7384856c7e8c697890957776917e758b8677838a7c"
        + "7b8983778289747b8e737590957e7690837789897b828b807d87877b808c7c78907e73909383778e8779"
        + "878b7e818c847d878b7f7e8f827792857191"),
  ]

  @Test("each operation gives Pillow's values, geometric ones within a level", arguments: cases)
  func knownValues(example: Case) {
    let found = pattern(8, 6, 3).applying(example.operation, fill: Self.fill)
    #expect(found.width == 8 && found.height == 6 && found.channels == 3)
    let differences = zip(found.pixels, example.expected).map { abs(Int($0) - Int($1)) }
    let tolerance =
      switch example.operation {
      case .rotate, .shearX, .shearY, .translateX, .translateY: 1
      default: 0
      }
    #expect((differences.max() ?? 0) <= tolerance)
    // A level is a matter of the last bit, and rare.
    #expect(differences.count { $0 > 0 } <= 3)
  }

  private func grey(_ values: [UInt8], width: Int? = nil) -> Image {
    let width = width ?? values.count
    return Image(width: width, height: values.count / width, channels: 1, pixels: values)
  }

  @Test("equalize spreads values by their frequency")
  func equalize() {
    let counts: [(UInt8, Int)] = [(3, 401), (50, 301), (90, 149), (91, 100), (180, 50), (255, 23)]
    let values = counts.flatMap { Array(repeating: $0.0, count: $0.1) }
    let found = grey(values, width: 32).applying(.equalize, fill: [0]).pixels
    let expected = zip(counts, [0, 134, 234, 255, 255, 255] as [UInt8]).flatMap {
      Array(repeating: $1, count: $0.1)
    }
    let isEqual = found == expected
    #expect(isEqual)
  }

  @Test("autocontrast stretches each channel by itself, and drops fractions")
  func autoContrast() {
    #expect(
      grey([7, 60, 200, 230]).applying(.autoContrast, fill: [0]).pixels == [0, 60, 220, 254])
    let colours = Image(
      width: 3, height: 1, channels: 3, pixels: [10, 0, 5, 20, 100, 5, 30, 255, 5])
    #expect(
      colours.applying(.autoContrast, fill: Self.fill).pixels == [
        0, 0, 5, 127, 100, 5, 255, 255, 5,
      ])
  }

  @Test("a flat image has nothing to stretch or to spread")
  func flat() {
    for operation in [ImageOperation.autoContrast, .equalize, .sharpness(1.9), .gaussianBlur(3)] {
      #expect(grey([60, 60, 60, 60]).applying(operation, fill: [0]).pixels == [60, 60, 60, 60])
    }
  }

  @Test(
    "an argument that means the image itself leaves it alone",
    arguments: [
      ImageOperation.rotate(0), .rotate(360), .shearX(0), .shearY(0), .translateX(0),
      .translateY(0),
      .posterize(8), .solarize(256), .solarizeAdd(0), .color(1), .contrast(1), .brightness(1),
      .sharpness(1), .gaussianBlur(0),
    ])
  func identity(operation: ImageOperation) {
    for channels in [1, 3] {
      let image = pattern(9, 7, channels)
      let isSame = image.applying(operation, fill: Array(repeating: 9, count: channels)) == image
      #expect(isSame, "\(channels) channels")
    }
  }

  @Test("a half turn and two quarter turns of a square lose nothing")
  func turns() {
    let image = pattern(6, 6, 3)
    let half = image.applying(.rotate(180), fill: Self.fill)
    let quarter = image.applying(.rotate(90), fill: Self.fill)
    let isHalf = quarter.applying(.rotate(90), fill: Self.fill) == half
    let isReversed =
      half.pixels
      == stride(from: 105, through: 0, by: -3).flatMap { image.pixels[$0..<$0 + 3] }
    #expect(isHalf && isReversed)
    // Counter-clockwise: the upper right corner comes to the upper left.
    #expect(Array(quarter.pixels[0..<3]) == Array(image.pixels[15..<18]))
  }

  @Test("what comes in from outside has the fill's colour")
  func outside() {
    let moved = pattern(4, 2, 3).applying(.translateX(1), fill: [1, 2, 3])
    let isFilled = moved.pixels == Array(repeating: [1, 2, 3], count: 8).flatMap { $0 }
    #expect(isFilled)
  }

  @Test("images of a single pixel, row or column go through every operation")
  func smallest() {
    for (width, height) in [(1, 1), (5, 1), (1, 5), (2, 2)] {
      for example in Self.cases {
        let image = pattern(width, height, 3)
        let found = image.applying(example.operation, fill: Self.fill)
        #expect(found.width == width && found.height == height)
      }
    }
  }

  @Test("names and arguments become operations")
  func names() {
    #expect(ImageOperation(name: "Rotate", argument: -30) == .rotate(-30))
    #expect(ImageOperation(name: "Posterize", argument: 3) == .posterize(3))
    #expect(ImageOperation(name: "Equalize", argument: nil) == .equalize)
    #expect(ImageOperation(name: "Equalize", argument: 1) == nil)
    #expect(ImageOperation(name: "Rotate", argument: nil) == nil)
    #expect(ImageOperation(name: "rotate", argument: 3) == nil)
    #expect(ImageOperation(name: "Posterize", argument: 2.5) == nil)
    #expect(ImageOperation(name: "Posterize", argument: 9) == nil)
    #expect(ImageOperation(name: "TranslateX", argument: 1.1) == nil)
    #expect(ImageOperation(name: "Color", argument: .nan) == nil)
  }
}
