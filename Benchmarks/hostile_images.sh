#!/usr/bin/env bash
# Thousands of damaged files of real photographs: bits flipped, ends cut off, headers exchanged, halves spliced.
#
#     TETRAJET_PHOTOS=FOLDER [TETRAJET_MUTATIONS=2000] Benchmarks/hostile_images.sh
#
# Runs them twice: as built for use, where each must take less than a second, and under clang's address sanitizer, which ends the
# run at a false step and, on Linux, names what was not freed. The libraries that decode are the system's, without the
# sanitizer's checks inside; their calls to the allocator are seen all the same.
# (XCTest, which has no tests here, leaks a little of its own and is left out.)
set -euo pipefail
cd "$(dirname "$0")/.."
: "${TETRAJET_PHOTOS:?name a folder of JPEG files}"
TETRAJET_PHOTOS=$(cd "$TETRAJET_PHOTOS" && pwd)
export TETRAJET_PHOTOS

echo "As built for use:"
swift test -c release --disable-xctest --filter HostilePhotoTests
echo "Under the address sanitizer:"
TETRAJET_SANITIZED=1 swift test -c release --disable-xctest --sanitize=address --filter HostilePhotoTests \
  --scratch-path .build/sanitize
