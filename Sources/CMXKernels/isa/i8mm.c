// Arm's matrix multiplication of bytes (Armv8.6; Apple M2 and later, Graviton 3 and later): one instruction multiplies two rows of
// eight bytes with two others, twice what the dot product does.
#if defined(__aarch64__)
  #if defined(__linux__)
    #include <sys/auxv.h>
  #elif defined(__APPLE__)
    #include <sys/sysctl.h>
  #endif

  #include "CMXKernels.h"

  #pragma clang attribute push(__attribute__((target("dotprod,i8mm"))), apply_to = function)
  #define TJ_ISA i8mm
  #define TJ_BASE neon
  #define TJ_AVAILABLE has_i8mm()
  #define TJ_TILE_PANELS 1
  #define TJ_UNSIGNED 0
  #define TJ_GROUP_STEP 8

  #include "isa/neon.h"

static int has_i8mm(void) {
  #if defined(__linux__)
  return (getauxval(AT_HWCAP2) & (1u << 13)) != 0; // HWCAP2_I8MM
  #elif defined(__APPLE__)
  int found = 0;
  size_t size = sizeof found;
  return sysctlbyname("hw.optional.arm.FEAT_I8MM", &found, &size, NULL, 0) == 0 && found;
  #else
  return 0;
  #endif
}

/// 4 rows x 1 panel: squares of two rows and two columns.
TJ_INLINE void tile(const left_group *left, size_t first, const right_group *right, size_t groups, float *c,
                    size_t stride, int resumes, const float *bias, const int panels, const int scales,
                    const int is_narrow, const int steps) {
  (void)panels;
  (void)is_narrow;
  float32x4_t sum[2][8];
  for (int pair = 0; pair < 2; pair++)
    for (int column = 0; column < 8; column++) {
      const float *at = c + (size_t)(2 * pair) * stride + 2 * column;
      sum[pair][column] = resumes ? vcombine_f32(vld1_f32(at), vld1_f32(at + stride)) : vdupq_n_f32(0);
    }
  for (size_t group = 0; group < groups;
       group++, left = left_at(left, 1, steps), right = right_at(right, 1, steps)) {
    int32x4_t dot[2][8];
    for (int pair = 0; pair < 2; pair++) {
      const int32_t *start = left->start + first + 2 * pair;
      const int32x4_t starts = vcombine_s32(vdup_n_s32(start[0]), vdup_n_s32(start[1]));
      for (int column = 0; column < 8; column++) dot[pair][column] = starts;
    }
    for (int step = 0; step < steps; step++) {
      const int8x16_t a0 = vld1q_s8(left->codes[step][first]), a1 = vld1q_s8(left->codes[step][first + 2]);
      for (int column = 0; column < 8; column++) {
        const int8x16_t b = vreinterpretq_s8_u8(vld1q_u8(right->codes[step][2 * column]));
        dot[0][column] = vmmlaq_s32(dot[0][column], a0, b);
        dot[1][column] = vmmlaq_s32(dot[1][column], a1, b);
      }
    }
    for (int pair = 0; pair < 2; pair++) {
      const float *unit = left->unit + first + 2 * pair;
      const float32x4_t left_unit = vcombine_f32(vdup_n_f32(unit[0]), vdup_n_f32(unit[1]));
      for (int column = 0; column < 8; column++) {
        const float32x2_t two = vld1_f32(right->unit + 2 * column);
        const int32x4_t d = dot[pair][column];
        const float32x4_t term = scales == TJ_HUGE_SCALES ? vmulq_f32(vcvtq_f32_s32(d), left_unit)
                                                          : vsubq_f32(vreinterpretq_f32_s32(d), left_unit);
        sum[pair][column] = vfmaq_f32(sum[pair][column], term, vcombine_f32(two, two));
      }
    }
  }
  for (int pair = 0; pair < 2; pair++)
    for (int column = 0; column < 8; column++) {
      float32x4_t square = sum[pair][column];
      if (bias) {
        const float32x2_t two = vld1_f32(bias + 2 * column);
        square = vaddq_f32(square, vcombine_f32(two, two));
      }
      float *at = c + (size_t)(2 * pair) * stride + 2 * column;
      vst1_f32(at, vget_low_f32(square));
      vst1_f32(at + stride, vget_high_f32(square));
    }
}

static double dot_product_peak(size_t iterations) {
  enum { CHAINS = 16 };
  int32x4_t sum[CHAINS];
  const int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(5);
  for (int i = 0; i < CHAINS; i++) sum[i] = vdupq_n_s32(i);
  for (size_t n = 0; n < iterations; n++)
    for (int i = 0; i < CHAINS; i++) {
      sum[i] = vmmlaq_s32(sum[i], a, b);
      __asm__ volatile("" : "+w"(sum[i])); // or the compiler would multiply by `iterations`
    }
  return 2.0 * 32 * CHAINS * (double)iterations;
}

  #include "isa/product_table.h"
  #pragma clang attribute pop
#else
typedef int tj_not_this_architecture;
#endif
