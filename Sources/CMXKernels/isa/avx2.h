// What the products of all instruction sets with AVX2 share.
#ifndef TJ_AVX2_H
#define TJ_AVX2_H

#include <immintrin.h>

#include "product/groups.h"
#include "vector/vector.h"

TJ_INLINE vbytes lookup_bytes(const uint8_t table[16], vbytes codes) {
  const __m256i wide = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
  __m256i halves[2];
  memcpy(halves, &codes, sizeof halves);
  for (int half = 0; half < 2; half++) halves[half] = _mm256_shuffle_epi8(wide, halves[half]);
  memcpy(&codes, halves, sizeof codes);
  return codes;
}

TJ_INLINE vint add_lane_sums(vint sums, vbytes signed_bytes) {
  __m256i halves[2];
  memcpy(halves, &signed_bytes, sizeof halves);
  for (int half = 0; half < 2; half++)
    halves[half] =
        _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), halves[half]), _mm256_set1_epi16(1));
  vint result;
  memcpy(&result, halves, sizeof result);
  return sums + result;
}

#endif
