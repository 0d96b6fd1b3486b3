// AVX-512 with VNNI: a vector is one register, and one instruction adds four products of bytes to each of
// its 16 lanes.
#if defined(__x86_64__)
  #include <immintrin.h>

  #include "CMXKernels.h"

  // An emulation of the two instructions lets processors without AVX-512 run all the rest (.ci/kernels).
  #if defined(TJ_EMULATE_AVX512)
    #pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
    #define TJ_AVAILABLE (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    #define TJ_KEPT "+m"
  #else
    #pragma clang attribute push(                                                                            \
        __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma"))), apply_to = function)
    #define TJ_AVAILABLE                                                                                     \
      (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&                            \
       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&                           \
       __builtin_cpu_supports("avx512vnni"))
    #define TJ_KEPT "+v"
  #endif
  #define TJ_ISA avx512
  #define TJ_FUSED 1
  #define TJ_FLOAT_ROWS 6
  #define TJ_FLOAT_VECTORS 4
  #define TJ_TILE_PANELS 3
  #define TJ_UNSIGNED 1

  #include "product/groups.h"
  #include "vector/vector.h"

  #if defined(TJ_EMULATE_AVX512)
TJ_INLINE vbytes lookup_bytes(const uint8_t table[16], vbytes codes) {
  for (int i = 0; i < 4 * TJ_LANES; i++) codes[i] = table[codes[i]];
  return codes;
}

TJ_INLINE vint add_products(vint sums, vbytes unsigned_bytes, vbytes signed_bytes) {
  for (int i = 0; i < 4 * TJ_LANES; i++) sums[i / 4] += unsigned_bytes[i] * (int8_t)signed_bytes[i];
  return sums;
}
  #else
TJ_INLINE vbytes lookup_bytes(const uint8_t table[16], vbytes codes) {
  const __m512i wide = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table));
  return (vbytes)_mm512_shuffle_epi8(wide, (__m512i)codes);
}

/// sums + the four products of the bytes in each lane.
TJ_INLINE vint add_products(vint sums, vbytes unsigned_bytes, vbytes signed_bytes) {
  return (vint)_mm512_dpbusd_epi32((__m512i)sums, (__m512i)unsigned_bytes, (__m512i)signed_bytes);
}
  #endif

TJ_INLINE vint add_lane_sums(vint sums, vbytes signed_bytes) {
  return add_products(sums, (vbytes)1, signed_bytes);
}

/// 4 rows x 3 panels: 12 registers of integer sums, 12 of results, 3 right vectors and one left value in
/// every lane. A group costs 8 dot products, a subtraction and a fused multiply-add an output vector.
TJ_INLINE void tile(const left_group *left, size_t first, const right_group *right, size_t groups, float *c,
                    size_t stride, int resumes, const float *bias, const int panels, const int is_huge,
                    const int is_narrow, const int steps) {
  (void)is_narrow;
  vfloat sum[4][3];
  for (int row = 0; row < 4; row++)
    for (int panel = 0; panel < panels; panel++)
      sum[row][panel] = resumes ? load(c + (size_t)row * stride + 16 * panel) : splat(0);
  for (size_t group = 0; group < groups;
       group++, left = left_at(left, 1, steps), right = right_at(right, 1, steps)) {
    vint dot[4][3];
    for (int row = 0; row < 4; row++)
      for (int panel = 0; panel < panels; panel++) dot[row][panel] = (vint)left->start[first + (size_t)row];
  #pragma clang loop unroll(full)
    for (int step = 0; step < steps; step++) {
      vbytes b[3];
      for (int panel = 0; panel < panels; panel++)
        memcpy(&b[panel], right_at(right, (size_t)panel * groups, steps)->codes[step], sizeof b[panel]);
      for (int row = 0; row < 4; row++) {
        int32_t four;
        memcpy(&four, left->codes[step][first + (size_t)row], sizeof four);
        for (int panel = 0; panel < panels; panel++)
          dot[row][panel] = add_products(dot[row][panel], b[panel], (vbytes)(vint)four);
      }
    }
    for (int panel = 0; panel < panels; panel++) {
      const vfloat unit = load(right_at(right, (size_t)panel * groups, steps)->unit);
      for (int row = 0; row < 4; row++) {
        const vfloat left_unit = splat(left->unit[first + (size_t)row]);
        const vfloat term = is_huge ? __builtin_convertvector(dot[row][panel], vfloat) * left_unit
                                    : as_float(dot[row][panel]) - left_unit;
        sum[row][panel] = multiply_add(term, unit, sum[row][panel]);
      }
    }
  }
  for (int panel = 0; panel < panels; panel++)
    for (int row = 0; row < 4; row++) {
      if (bias) sum[row][panel] += load(bias + 16 * panel);
      store(c + (size_t)row * stride + 16 * panel, sum[row][panel]);
    }
}

static double dot_product_peak(size_t iterations) {
  enum { CHAINS = 12 };
  vint sum[CHAINS];
  const vbytes a = 3, b = 5;
  for (int i = 0; i < CHAINS; i++) sum[i] = (vint)i;
  for (size_t n = 0; n < iterations; n++)
    for (int i = 0; i < CHAINS; i++) {
      sum[i] = add_products(sum[i], a, b);
      __asm__ volatile("" : TJ_KEPT(sum[i])); // or the compiler would multiply by `iterations`
    }
  return 2.0 * 64 * CHAINS * (double)iterations;
}

  #include "isa/table.h"
  #pragma clang attribute pop
#else
typedef int tj_not_this_architecture;
#endif
