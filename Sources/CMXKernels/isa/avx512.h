// What the products of both instruction sets with AVX-512 share: a vector is one register, and one instruction adds four products
// of bytes to each of its 16 lanes. Included where the target is set.
#ifndef TJ_AVX512_H
#define TJ_AVX512_H

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
/// every lane. A group costs 8 dot products, a subtraction and a fused multiply-add an output vector; with near scales and
/// TJ_ADDS_EXPONENTS the multiply-add, which needs the units of the dot products on AMD's processors, is two additions of integers and
/// one of floats, which do not.
TJ_INLINE void tile(const left_group *left, size_t first, const right_group *right, size_t groups, float *c,
                    size_t stride, int resumes, const float *bias, const int panels, const int scales,
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
        if (scales == TJ_NEAR_SCALES) {
          const vint exponent = as_int(unit) - as_int(splat(1));
          sum[row][panel] += as_float(dot[row][panel] + exponent) - as_float(as_int(left_unit) + exponent);
          continue;
        }
        const vfloat term = scales == TJ_HUGE_SCALES
                                ? __builtin_convertvector(dot[row][panel], vfloat) * left_unit
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

#endif
