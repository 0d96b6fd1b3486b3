// Arm NEON with the dot product extension (Armv8.2 and later; every Apple silicon Mac, Graviton 2 and later): a
// vector is four registers, and one instruction adds four products of signed bytes to each of four lanes.
#if defined(__aarch64__)
  #if defined(__linux__)
    #include <sys/auxv.h>
  #endif

  #include "CMXKernels.h"

  #pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
  #define TJ_ISA neon
  #if defined(__linux__)
    #define TJ_AVAILABLE ((getauxval(AT_HWCAP) & (1u << 20)) != 0) /* HWCAP_ASIMDDP */
  #else
    #define TJ_AVAILABLE 1
  #endif
  #define TJ_FUSED 1
  #define TJ_FLOAT_ROWS 5
  #define TJ_FLOAT_VECTORS 1
  #define TJ_TILE_PANELS 1
  #define TJ_UNSIGNED 0

  #include "isa/neon.h"

/// 4 rows x 1 panel: 16 registers of integer sums, 4 right vectors, one left vector that holds four bytes of
/// each row.
TJ_INLINE void tile(const left_group *left, size_t first, const right_group *right, size_t groups, float *c,
                    size_t stride, int resumes, const float *bias, const int panels, const int scales,
                    const int is_narrow, const int steps) {
  (void)panels;
  (void)is_narrow;
  float32x4_t sum[4][4];
  for (int row = 0; row < 4; row++)
    for (int quarter = 0; quarter < 4; quarter++)
      sum[row][quarter] = resumes ? vld1q_f32(c + (size_t)row * stride + 4 * quarter) : vdupq_n_f32(0);
  for (size_t group = 0; group < groups;
       group++, left = left_at(left, 1, steps), right = right_at(right, 1, steps)) {
    int32x4_t dot[4][4];
    for (int row = 0; row < 4; row++)
      for (int quarter = 0; quarter < 4; quarter++)
        dot[row][quarter] = vdupq_n_s32(left->start[first + (size_t)row]);
    for (int step = 0; step < steps; step++) {
      const int8x16_t a = vld1q_s8(left->codes[step][first]);
      for (int quarter = 0; quarter < 4; quarter++) {
        const int8x16_t b = vreinterpretq_s8_u8(vld1q_u8(right->codes[step][4 * quarter]));
        dot[0][quarter] = vdotq_laneq_s32(dot[0][quarter], b, a, 0);
        dot[1][quarter] = vdotq_laneq_s32(dot[1][quarter], b, a, 1);
        dot[2][quarter] = vdotq_laneq_s32(dot[2][quarter], b, a, 2);
        dot[3][quarter] = vdotq_laneq_s32(dot[3][quarter], b, a, 3);
      }
    }
    for (int row = 0; row < 4; row++) {
      const float32x4_t left_unit = vdupq_n_f32(left->unit[first + (size_t)row]);
      for (int quarter = 0; quarter < 4; quarter++) {
        const float32x4_t term = scales == TJ_HUGE_SCALES
                                     ? vmulq_f32(vcvtq_f32_s32(dot[row][quarter]), left_unit)
                                     : vsubq_f32(vreinterpretq_f32_s32(dot[row][quarter]), left_unit);
        sum[row][quarter] = vfmaq_f32(sum[row][quarter], term, vld1q_f32(right->unit + 4 * quarter));
      }
    }
  }
  for (int row = 0; row < 4; row++)
    for (int quarter = 0; quarter < 4; quarter++) {
      if (bias) sum[row][quarter] = vaddq_f32(sum[row][quarter], vld1q_f32(bias + 4 * quarter));
      vst1q_f32(c + (size_t)row * stride + 4 * quarter, sum[row][quarter]);
    }
}

static double dot_product_peak(size_t iterations) {
  enum { CHAINS = 16 };
  int32x4_t sum[CHAINS];
  const int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(5);
  for (int i = 0; i < CHAINS; i++) sum[i] = vdupq_n_s32(i);
  for (size_t n = 0; n < iterations; n++)
    for (int i = 0; i < CHAINS; i++) {
      sum[i] = vdotq_s32(sum[i], a, b);
      __asm__ volatile("" : "+w"(sum[i])); // or the compiler would multiply by `iterations`
    }
  return 2.0 * 16 * CHAINS * (double)iterations;
}

  #include "isa/table.h"
  #pragma clang attribute pop
#else
typedef int tj_not_this_architecture;
#endif
