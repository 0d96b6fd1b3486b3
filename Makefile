# make demo and make test are all a newcomer needs; both install what is missing.
.PHONY: demo test build lint format documentation dependencies

# Every method on the built-in digits, and a table of what came out.
demo: build
	.build/release/tetrajet demo

# Release mode: C is not optimized in debug builds, and the numeric suites would take minutes.
test: dependencies
	swift test -c release

build: dependencies
	swift build -c release --product tetrajet

lint:
	swift format lint --strict --recursive Package.swift Sources Tests

format:
	swift format --in-place --recursive Package.swift Sources Tests

# The articles as web pages, in .build/documentation.
documentation:
	@mkdir -p .build
	docc convert Documentation --allow-arbitrary-catalog-directories --warnings-as-errors \
	  --fallback-display-name TetraJet --fallback-bundle-identifier TetraJet \
	  --output-path .build/documentation

# OpenBLAS (Linux only: macOS has Accelerate), libjpeg-turbo, libpng and zlib, from the system's packages.
dependencies:
	@.ci/dependencies
