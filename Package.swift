// swift-tools-version: 6.2
import PackageDescription

// Arrows point one way (see the map in README.md), and every one that is used is declared here:
// tetrajet → Reports → {Statistics, Training};
// Training → {ImageData, EventFiles, Exchange, Oscillation} → VisionModels → MXLinear → MXCompute →
// {MXFormats, CMXKernels, MXRuntime};
// Files lies under all above MXLinear. What is no product speaks to the rest of the package only (`package`).

// Warnings are errors where the project itself is checked, not where somebody builds it with a newer
// compiler.
let isStrict = Context.environment["TETRAJET_STRICT"] != nil
let swiftSettings: [SwiftSetting] = isStrict ? [.treatAllWarnings(as: .error)] : []
let cSettings: [CSetting] = isStrict ? [.treatAllWarnings(as: .error)] : []

let package = Package(
  name: "TetraJet",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "MXFormats", targets: ["MXFormats"]),
    // What their interfaces speak of comes along.
    .library(name: "MXCompute", targets: ["MXCompute", "MXFormats", "MXRuntime"]),
    .library(name: "MXLinear", targets: ["MXLinear", "MXCompute", "MXFormats", "MXRuntime"]),

    .executable(name: "tetrajet", targets: ["tetrajet"]),
  ],
  traits: [
    .trait(name: "MPI", description: "Trains on several machines: mpirun -n R tetrajet train.")
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .executableTarget(
      name: "tetrajet",
      dependencies: [
        "Reports", "Statistics", "Training", "ImageData", "Exchange", "Ranks", "Oscillation",
        "VisionModels", "MXLinear", "MXCompute", "MXFormats", "MXRuntime", "Files",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]
    ),
    .target(
      name: "Reports",
      dependencies: [
        "Statistics", "Training", "Oscillation", "VisionModels", "MXCompute", "MXFormats", "Files",
      ]),
    .target(name: "Statistics"),
    .target(
      name: "Training",
      dependencies: [
        "ImageData", "EventFiles", "Exchange", "Ranks", "VisionModels", "Oscillation", "MXLinear",
        "MXCompute", "MXFormats", "MXRuntime", "Files",
        .product(name: "Yams", package: "Yams"),
      ]
    ),
    .target(
      name: "ImageData",
      dependencies: ["MXRuntime", "Files", "CDigits", "CImageDecoding", "CPNG", "CZlib"]),
    .target(name: "EventFiles", dependencies: ["Files"]),
    .target(name: "Exchange", dependencies: ["VisionModels", "MXFormats", "Files"]),
    .target(name: "CDigits", exclude: ["Data"]),
    .target(
      name: "CImageDecoding", dependencies: ["CJPEG", "CPNG"],
      linkerSettings: [
        .linkedLibrary("jpeg"), .linkedLibrary("png"),
        .linkedLibrary("dl", .when(platforms: [.linux])),
      ]),
    .target(name: "VisionModels", dependencies: ["MXLinear", "MXCompute", "MXRuntime", "Files"]),
    .target(name: "Oscillation", dependencies: ["MXCompute", "MXFormats", "MXRuntime"]),
    .target(name: "MXLinear", dependencies: ["MXCompute", "MXFormats", "MXRuntime"]),
    .target(
      name: "MXCompute", dependencies: ["MXFormats", "CMXKernels", "MXRuntime"]),
    .target(name: "MXFormats"),
    .target(name: "MXRuntime", dependencies: ["CParallelFor"]),
    .target(name: "Files", dependencies: ["CSHA256"]),
    .target(name: "CSHA256"),
    .target(name: "Ranks", dependencies: ["CMPI", "Files"]),
    .target(
      name: "CMPI",
      dependencies: [.target(name: "CMPILibrary", condition: .when(traits: ["MPI"]))],
      cSettings: [.define("TJ_MPI", .when(traits: ["MPI"]))]),
    // MPICH or Open MPI: TETRAJET_MPI=mpich or ompi-c, where there are both.
    .systemLibrary(
      name: "CMPILibrary", pkgConfig: Context.environment["TETRAJET_MPI"] ?? "mpi-c",
      providers: [.apt(["libmpich-dev"]), .brew(["mpich"])]),
    .target(
      name: "CParallelFor",
      linkerSettings: [.linkedLibrary("dispatch", .when(platforms: [.linux]))]),
    .target(name: "CMXKernels", cSettings: [.headerSearchPath(".")]),
    .systemLibrary(
      name: "CJPEG", pkgConfig: "libjpeg",
      providers: [.apt(["libjpeg-dev"]), .brew(["jpeg-turbo"])]),
    // Writes the JPEG files of the tests.
    .systemLibrary(
      name: "CTurboJPEG", pkgConfig: "libturbojpeg",
      providers: [.apt(["libturbojpeg0-dev"]), .brew(["jpeg-turbo"])]),
    .systemLibrary(
      name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
    .systemLibrary(
      name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    // The article on oscillation shows it whole: a remedy of one's own, and a program that trains by it.
    .executableTarget(
      name: "own-remedy",
      dependencies: ["Training", "Oscillation", "MXCompute", "MXRuntime"],
      path: "Examples/OwnRemedy"),
    .target(
      name: "TestSupport", dependencies: ["MXCompute", "MXRuntime", "Ranks", "Files"],
      path: "Tests/TestSupport"),
    .target(name: "CAllocationCounter", path: "Tests/CAllocationCounter"),
    // Counts what training steps allocate; in a process of its own, which runs nothing else.
    .executableTarget(
      name: "count-step-allocations",
      dependencies: [
        "Training", "ImageData", "VisionModels", "MXLinear", "MXCompute", "MXRuntime", "Files",
        "CAllocationCounter",
      ],
      path: "Tests/StepAllocations"),
    .testTarget(name: "MXFormatsTests", dependencies: ["MXFormats", "TestSupport"]),
    .testTarget(name: "StatisticsTests", dependencies: ["Statistics"]),
    .testTarget(name: "MXRuntimeTests", dependencies: ["MXRuntime", "Files", "TestSupport"]),
    .testTarget(name: "FilesTests", dependencies: ["Files", "TestSupport"]),
    .testTarget(
      name: "ExchangeTests", dependencies: ["Exchange", "MXFormats", "Files", "TestSupport"]),
    .testTarget(
      name: "MXComputeTests",
      dependencies: ["MXCompute", "MXFormats", "MXRuntime", "TestSupport"]),
    .testTarget(
      name: "MXLinearTests",
      dependencies: ["MXLinear", "MXCompute", "MXFormats", "MXRuntime", "Files", "TestSupport"]),
    .testTarget(
      name: "VisionModelsTests",
      dependencies: [
        "VisionModels", "MXLinear", "MXCompute", "MXRuntime", "Files", "TestSupport",
      ]),
    .testTarget(
      name: "OscillationTests",
      dependencies: [
        "Oscillation", "MXLinear", "MXCompute", "MXFormats", "MXRuntime", "TestSupport",
      ]),
    // Hostile files: what makes them, and the command that runs many. Nothing that users build needs them.
    .target(
      name: "Fuzzing",
      dependencies: [
        "Reports", "Training", "ImageData", "Exchange", "VisionModels", "MXRuntime", "Files",
        "CTurboJPEG", "CZlib", "CAllocationCounter",
      ],
      path: "Tests/Fuzzing",
      resources: [.copy("Pictures")]),
    .executableTarget(
      name: "tetrajet-fuzz",
      dependencies: [
        "Fuzzing", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Tests/Fuzz"),
    .testTarget(name: "FuzzingTests", dependencies: ["Fuzzing", "TestSupport"]),
    .testTarget(
      name: "ImageDataTests",
      dependencies: [
        "ImageData", "MXRuntime", "Files", "Fuzzing", "CAllocationCounter", "CTurboJPEG",
      ]),
    .testTarget(
      name: "TrainingTests",
      dependencies: [
        "Training", "EventFiles", "ImageData", "Oscillation", "Ranks", "VisionModels", "MXLinear",
        "MXCompute",
        "MXFormats",
        "MXRuntime",
        "Files", "own-remedy", "TestSupport",
      ]),
    .testTarget(name: "ReportsTests", dependencies: ["Reports", "TestSupport"]),
    .testTarget(
      name: "tetrajetTests",
      dependencies: [
        "tetrajet", "count-step-allocations", "Training", "EventFiles", "ImageData", "VisionModels",
        "MXLinear",
        "MXCompute", "MXFormats", "MXRuntime", "Files", "Fuzzing", "TestSupport",
      ]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c11
)

for target in package.targets where target.type != .system {
  if ["CMXKernels", "CParallelFor", "CMPI", "CDigits", "CImageDecoding", "CAllocationCounter"]
    .contains(target.name)
  {
    target.cSettings = (target.cSettings ?? []) + cSettings
  } else {
    target.swiftSettings = swiftSettings
  }
}
