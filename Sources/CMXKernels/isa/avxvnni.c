// AVX-VNNI (Alder Lake and later, Zen 5 and later): AVX2 whose products of four bytes are summed in 32 bits by one instruction.
#if defined(__x86_64__)
  #include "CMXKernels.h"

  // An emulation lets processors without the instruction run all the rest (.ci/kernels).
  #if defined(TJ_EMULATE_AVXVNNI)
    #pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
    #define TJ_AVAILABLE (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
  #else
    #pragma clang attribute push(__attribute__((target("avx2,fma,avxvnni"))), apply_to = function)
    #define TJ_AVAILABLE (__builtin_cpu_supports("avxvnni") && __builtin_cpu_supports("fma"))
  #endif
  #define TJ_ISA avxvnni
  #define TJ_BASE avx2
  #define TJ_TILE_PANELS 1
  #define TJ_UNSIGNED 1

  #include "isa/avx2.h"

/// sums + the four products of the bytes in each lane.
TJ_INLINE __m256i add_products(__m256i sums, __m256i unsigned_bytes, __m256i signed_bytes) {
  #if defined(TJ_EMULATE_AVXVNNI)
  // Pairs are at most 2 * 24 * 64 in magnitude, or 2 * 128 * 64: 16 bits hold them.
  const __m256i pairs = _mm256_maddubs_epi16(unsigned_bytes, signed_bytes);
  return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  #else
  return _mm256_dpbusd_avx_epi32(sums, unsigned_bytes, signed_bytes);
  #endif
}

/// 4 rows x 1 panel.
TJ_INLINE void tile(const left_group *left, size_t first, const right_group *right, size_t groups, float *c,
                    size_t stride, int resumes, const float *bias, const int panels, const int scales,
                    const int is_narrow, const int steps) {
  (void)panels;
  (void)is_narrow;
  __m256 sum[4][2];
  begin_tile(sum, c, stride, resumes);
  for (size_t group = 0; group < groups;
       group++, left = left_at(left, 1, steps), right = right_at(right, 1, steps)) {
    __m256i dot[4][2];
    for (int row = 0; row < 4; row++)
      for (int half = 0; half < 2; half++)
        dot[row][half] = _mm256_set1_epi32(left->start[first + (size_t)row]);
  #pragma clang loop unroll(full)
    for (int step = 0; step < steps; step++) {
      const __m256i *b = (const __m256i *)right->codes[step];
      for (int row = 0; row < 4; row++) {
        int32_t four;
        memcpy(&four, left->codes[step][first + (size_t)row], sizeof four);
        const __m256i a = _mm256_set1_epi32(four);
        for (int half = 0; half < 2; half++)
          dot[row][half] = add_products(dot[row][half], _mm256_loadu_si256(b + half), a);
      }
    }
    for (int row = 0; row < 4; row++) {
      const __m256 left_unit = _mm256_set1_ps(left->unit[first + (size_t)row]);
      for (int half = 0; half < 2; half++)
        sum[row][half] = add_term(sum[row][half], dot[row][half], left_unit, right->unit + 8 * half, scales);
    }
  }
  end_tile(sum, c, stride, bias);
}

static double dot_product_peak(size_t iterations) {
  enum { CHAINS = 10 };
  __m256i sum[CHAINS], a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5);
  for (int i = 0; i < CHAINS; i++) sum[i] = _mm256_set1_epi32(i);
  for (size_t n = 0; n < iterations; n++)
    for (int i = 0; i < CHAINS; i++) {
      sum[i] = add_products(sum[i], a, b);
      __asm__ volatile("" : "+x"(sum[i])); // or the compiler would multiply by `iterations`
    }
  return 2.0 * 32 * CHAINS * (double)iterations;
}

  #include "isa/product_table.h"
  #pragma clang attribute pop
#else
typedef int tj_not_this_architecture;
#endif
