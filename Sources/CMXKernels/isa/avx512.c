// AVX-512 with VNNI: a vector is one register, and one instruction adds four products of bytes to each of
// its 16 lanes.
#if defined(__x86_64__)
  #include <immintrin.h>

  #include "CMXKernels.h"

  #pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma"))), \
                               apply_to = function)
  #define TJ_ISA avx512
  #define TJ_AVAILABLE                                                                                       \
    (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&                              \
     __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&                             \
     __builtin_cpu_supports("avx512vnni"))
  #define TJ_FUSED 1
  #define TJ_FLOAT_ROWS 6
  #define TJ_FLOAT_VECTORS 4
  #define TJ_TILE_PANELS 3
  #define TJ_UNSIGNED 1

  #include "product/groups.h"
  #include "vector/vector.h"

TJ_INLINE vbytes lookup_bytes(const uint8_t table[16], vbytes codes) {
  const __m512i wide = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table));
  return (vbytes)_mm512_shuffle_epi8(wide, (__m512i)codes);
}

TJ_INLINE vint add_lane_sums(vint sums, vbytes signed_bytes) {
  return (vint)_mm512_dpbusd_epi32((__m512i)sums, _mm512_set1_epi8(1), (__m512i)signed_bytes);
}

/// 4 rows x 3 panels: 12 registers of integer sums, 12 of results, 3 right vectors and one left value in
/// every lane. A group costs 8 dot products, a subtraction and a fused multiply-add an output vector.
TJ_INLINE void tile(const left_group *left, size_t first, const right_group *right, size_t groups, float *c,
                    size_t stride, int resumes, const float *bias, const int panels, const int is_huge,
                    const int is_narrow) {
  (void)is_narrow;
  __m512 sum[4][3];
  for (int row = 0; row < 4; row++)
    for (int panel = 0; panel < panels; panel++)
      sum[row][panel] =
          resumes ? _mm512_loadu_ps(c + (size_t)row * stride + 16 * panel) : _mm512_setzero_ps();
  for (size_t group = 0; group < groups; group++, left++, right++) {
    __m512i dot[4][3];
    for (int row = 0; row < 4; row++)
      for (int panel = 0; panel < panels; panel++)
        dot[row][panel] = _mm512_set1_epi32(left->start[first + (size_t)row]);
  #pragma clang loop unroll(full)
    for (int step = 0; step < 8; step++) {
      __m512i b[3];
      for (int panel = 0; panel < panels; panel++)
        b[panel] = _mm512_loadu_si512(right[(size_t)panel * groups].codes[step]);
      for (int row = 0; row < 4; row++) {
        int32_t four;
        memcpy(&four, left->codes[step][first + (size_t)row], sizeof four);
        const __m512i a = _mm512_set1_epi32(four);
        for (int panel = 0; panel < panels; panel++)
          dot[row][panel] = _mm512_dpbusd_epi32(dot[row][panel], b[panel], a);
      }
    }
    for (int panel = 0; panel < panels; panel++) {
      const __m512 unit = _mm512_loadu_ps(right[(size_t)panel * groups].unit);
      for (int row = 0; row < 4; row++) {
        const __m512 left_unit = _mm512_set1_ps(left->unit[first + (size_t)row]);
        const __m512 term = is_huge ? _mm512_mul_ps(_mm512_cvtepi32_ps(dot[row][panel]), left_unit)
                                    : _mm512_sub_ps(_mm512_castsi512_ps(dot[row][panel]), left_unit);
        sum[row][panel] = _mm512_fmadd_ps(term, unit, sum[row][panel]);
      }
    }
  }
  for (int panel = 0; panel < panels; panel++)
    for (int row = 0; row < 4; row++) {
      if (bias) sum[row][panel] = _mm512_add_ps(sum[row][panel], _mm512_loadu_ps(bias + 16 * panel));
      _mm512_storeu_ps(c + (size_t)row * stride + 16 * panel, sum[row][panel]);
    }
}

static double dot_product_peak(size_t iterations) {
  enum { CHAINS = 12 };
  __m512i sum[CHAINS], a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5);
  for (int i = 0; i < CHAINS; i++) sum[i] = _mm512_set1_epi32(i);
  for (size_t n = 0; n < iterations; n++)
    for (int i = 0; i < CHAINS; i++) {
      sum[i] = _mm512_dpbusd_epi32(sum[i], a, b);
      __asm__ volatile("" : "+v"(sum[i])); // or the compiler would multiply by `iterations`
    }
  return 2.0 * 64 * CHAINS * (double)iterations;
}

  #include "isa/table.h"
  #pragma clang attribute pop
#else
typedef int tj_not_this_architecture;
#endif
