// AVX2 with FMA: a vector is two registers; bytes are multiplied in pairs into 16-bit sums.
#if defined(__x86_64__)
  #include <immintrin.h>

  #include "CMXKernels.h"

  #pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
  #define TJ_ISA avx2
  #define TJ_AVAILABLE (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
  #define TJ_FUSED 1
  #define TJ_FLOAT_ROWS 6
  #define TJ_FLOAT_VECTORS 1
  #define TJ_TILE_PANELS 1
  #define TJ_UNSIGNED 1

  #include "isa/avx2.h"

/// 4 rows x 1 panel. Sums of 16 bits hold a whole group unless both formats are E3M0: at most 16 products
/// of 24 and 64 in magnitude, or of 12 and 128.
TJ_INLINE void tile(const left_group *left, size_t first, const right_group *right, size_t groups, float *c,
                    size_t stride, int resumes, const float *bias, const int panels, const int scales,
                    const int is_narrow, const int steps) {
  (void)panels;
  const __m256i ones = _mm256_set1_epi16(1);
  __m256 sum[4][2];
  begin_tile(sum, c, stride, resumes);
  for (size_t group = 0; group < groups;
       group++, left = left_at(left, 1, steps), right = right_at(right, 1, steps)) {
    __m256i dot[4][2];
  #pragma clang loop unroll(full)
    for (int step = 0; step < steps; step++) {
      const __m256i *b = (const __m256i *)right->codes[step];
      for (int row = 0; row < 4; row++) {
        int32_t four;
        memcpy(&four, left->codes[step][first + (size_t)row], sizeof four);
        const __m256i a = _mm256_set1_epi32(four);
        for (int half = 0; half < 2; half++) {
          __m256i *place = &dot[row][half], term = _mm256_maddubs_epi16(_mm256_loadu_si256(b + half), a);
          if (!is_narrow) term = _mm256_madd_epi16(term, ones);
          if (step > 0) term = is_narrow ? _mm256_add_epi16(*place, term) : _mm256_add_epi32(*place, term);
          // Or the compiler would add the terms in a tree, for which there are too few registers.
          __asm__("" : "+x"(term));
          *place = term;
        }
      }
    }
    for (int row = 0; row < 4; row++) {
      const __m256i start = _mm256_set1_epi32(left->start[first + (size_t)row]);
      const __m256 left_unit = _mm256_set1_ps(left->unit[first + (size_t)row]);
      for (int half = 0; half < 2; half++) {
        __m256i d = dot[row][half];
        if (is_narrow) d = _mm256_madd_epi16(d, ones);
        d = _mm256_add_epi32(d, start);
        sum[row][half] = add_term(sum[row][half], d, left_unit, right->unit + 8 * half, scales);
      }
    }
  }
  end_tile(sum, c, stride, bias);
}

static double dot_product_peak(size_t iterations) {
  enum { CHAINS = 8 };
  __m256i sum[CHAINS], a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5);
  for (int i = 0; i < CHAINS; i++) sum[i] = _mm256_set1_epi32(i);
  for (size_t n = 0; n < iterations; n++)
    for (int i = 0; i < CHAINS; i++) {
      __m256i pairs = _mm256_maddubs_epi16(a, b);
      __asm__ volatile("" : "+x"(pairs));
      sum[i] = _mm256_add_epi16(sum[i], pairs);
      __asm__ volatile("" : "+x"(sum[i]), "+x"(a)); // or the compiler would hoist the products
    }
  return 2.0 * 32 * CHAINS * (double)iterations;
}

  #include "isa/table.h"
  #pragma clang attribute pop
#else
typedef int tj_not_this_architecture;
#endif
