// swift-tools-version: 6.2
import PackageDescription

// A package of somebody else's that uses the libraries: 4-bit matrices and the linear layer.
let package = Package(
  name: "Library",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "TetraJet", path: "../..")],
  targets: [
    .executableTarget(
      name: "multiply-matrices",
      dependencies: [
        .product(name: "MXCompute", package: "TetraJet"),
        .product(name: "MXFormats", package: "TetraJet"),
      ]),
    .executableTarget(
      name: "train-linear", dependencies: [.product(name: "MXLinear", package: "TetraJet")]),
  ],
  swiftLanguageModes: [.v6]
)
