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

/// The sums of a tile of 4 rows x 1 panel: those of c, or zeros.
TJ_INLINE void begin_tile(__m256 sum[4][2], const float *c, size_t stride, int resumes) {
  for (int row = 0; row < 4; row++)
    for (int half = 0; half < 2; half++)
      sum[row][half] = resumes ? _mm256_loadu_ps(c + (size_t)row * stride + 8 * half) : _mm256_setzero_ps();
}

/// A sum with the dot products of a group, which began at the bits of their unit's magic number (product.h).
TJ_INLINE __m256 add_term(__m256 sum, __m256i dot, __m256 left_unit, const float *right_unit,
                          const int scales) {
  const __m256 term = scales == TJ_HUGE_SCALES ? _mm256_mul_ps(_mm256_cvtepi32_ps(dot), left_unit)
                                               : _mm256_sub_ps(_mm256_castsi256_ps(dot), left_unit);
  return _mm256_fmadd_ps(term, _mm256_loadu_ps(right_unit), sum);
}

/// Puts them into c, with the bias if there is one.
TJ_INLINE void end_tile(__m256 sum[4][2], float *c, size_t stride, const float *bias) {
  for (int row = 0; row < 4; row++)
    for (int half = 0; half < 2; half++) {
      if (bias) sum[row][half] = _mm256_add_ps(sum[row][half], _mm256_loadu_ps(bias + 8 * half));
      _mm256_storeu_ps(c + (size_t)row * stride + 8 * half, sum[row][half]);
    }
}

#endif
