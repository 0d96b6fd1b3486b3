#!/usr/bin/env bash
# Hostile files: safetensors, GGUF, what `verify` looks at, recipes, run folders, IDX (also gzip), CIFAR, tar, JPEG, PNG, GIF,
# BMP, and where there is a library WebP, TIFF, HEIC and AVIF.
#
#     Benchmarks/fuzz.sh [--cases 200000] [--seed 1] [FORMAT …]
#     Benchmarks/fuzz.sh sanitize [--cases 20000] [FORMAT …]
#     Benchmarks/fuzz.sh guided FORMAT [SECONDS]
#     TETRAJET_PHOTOS=FOLDER [TETRAJET_MUTATIONS=2000] Benchmarks/fuzz.sh photographs
#
# The first runs mutations of small valid files through the readers, as built for use, and prints a table: each case must be
# read or be a typed error of one line, within a second, in no more memory than is promised (Documentation/Data.md). `sanitize`
# does so under clang's address sanitizer, where memory is not counted. `guided` lets libFuzzer look for cases that reach other
# code than those before. `photographs` damages files of a folder of JPEG files, in use and under the address sanitizer.
# The libraries that decode are the system's, without a sanitizer's checks inside; their calls to the allocator are seen.
set -euo pipefail
cd "$(dirname "$0")/.."

memory=/dev/shm
[ -w "$memory" ] || memory=${TMPDIR:-/tmp}
folder=$(mktemp -d "$memory/tetrajet-fuzz.XXXXXX")
finish() {
  status=$?
  if [ $status -eq 0 ]; then rm -rf "$folder"; else echo "The files of failed cases lie in $folder" >&2; fi
}
trap finish EXIT

build() {
  swift build -c release --product tetrajet-fuzz "$@" >"$folder/build.txt" 2>&1 || {
    cat "$folder/build.txt" >&2
    exit 1
  }
}

case "${1:-}" in
sanitize)
  shift
  build --sanitize=address --scratch-path .build/sanitize
  # What the runtime sets up once and never frees is no leak of a reader's.
  ASAN_OPTIONS="detect_leaks=0:allocator_may_return_null=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}" \
    .build/sanitize/release/tetrajet-fuzz --folder "$folder" --cases 20000 "$@"
  ;;
guided)
  build --sanitize=fuzzer -Xswiftc -DCOVERAGE_GUIDED --scratch-path .build/guided
  mkdir "$folder/corpus" "$folder/seeds"
  TETRAJET_FUZZ="$2" TETRAJET_FUZZ_FOLDER="$folder" TETRAJET_FUZZ_CORPUS="$folder/seeds" \
    .build/guided/release/tetrajet-fuzz -max_len=65536 -timeout=10 -rss_limit_mb=4096 -print_final_stats=1 \
    -artifact_prefix="$folder/" -max_total_time="${3:-60}" "$folder/corpus" "$folder/seeds"
  ;;
photographs)
  : "${TETRAJET_PHOTOS:?name a folder of JPEG files}"
  TETRAJET_PHOTOS=$(cd "$TETRAJET_PHOTOS" && pwd)
  export TETRAJET_PHOTOS
  # (XCTest, which has no tests here, leaks a little of its own and is left out.)
  echo "As built for use:"
  swift test -c release --disable-xctest --filter HostilePhotoTests
  echo "Under the address sanitizer:"
  TETRAJET_SANITIZED=1 swift test -c release --disable-xctest --sanitize=address --filter HostilePhotoTests \
    --scratch-path .build/sanitize
  ;;
*)
  build
  .build/release/tetrajet-fuzz --folder "$folder" "$@"
  ;;
esac
