// Scales, and where on its format's grid a number goes: bit for bit what MXFormats' oracle says.
#ifndef TJ_GRID_H
#define TJ_GRID_H

#include "formats.h"

enum { TJ_NEAREST_EVEN, TJ_NEAREST_AWAY, TJ_STOCHASTIC, TJ_EMA };

/// The bits of a magnitude. As integers magnitudes are in order, and NaN is above infinity above all numbers.
TJ_INLINE vint magnitude_bits(vfloat x) { return as_int(x) & ~TJ_SIGN; }

/// Whether groups whose largest magnitudes have these bits hold a NaN or an infinity.
TJ_INLINE vint is_broken(vint largest) { return largest >= 0x7f800000; }

/// Scale bytes of groups whose largest magnitudes have the bits `largest`; meaningless where they are broken.
TJ_INLINE vint scale_byte(vint largest, const tj_quantizer *quantizer, const int format) {
  const vint above = ((largest & 0x7fffff) > quantizer->fraction_threshold) & 1;
  const vint byte = (largest >> 23) - (highest_exponent(format) - 127) + above;
  return maximum_int(byte, (vint)0);
}

/// S of a scale byte 0...253; byte 0 is subnormal.
TJ_INLINE vfloat scale_value(vint byte) { return as_float(choose_int(byte > 0, byte << 23, (vint)0x400000)); }

/// 1/S of a scale byte 0...253.
TJ_INLINE vfloat scale_reciprocal(vint byte) { return as_float((254 - byte) << 23); }

/// A magnitude on the grid: `steps` steps of the binade `exponent` (biased) of y = |x|/S.
typedef struct {
  vint steps;
  vint exponent;
} grid_point;

/// The integer above or at x, for 0 <= x < 2^31.
TJ_INLINE vint ceiling(vfloat x) {
  vint below = __builtin_convertvector(x, vint);
  return below - (__builtin_convertvector(below, vfloat) < x);
}

/// The magnitude code of a grid point: 2^mantissa_bits codes a binade. It may lie beyond the largest, 7.
TJ_INLINE vint open_code(vint steps, vint exponent, const int format) {
  return steps + ((exponent - lowest_exponent(format)) << formats[format].mantissa_bits);
}

/// Where on the grid y = |x|/S goes. `average` is sign(x) * ema / S, `noise` what rounding_noise says. Points
/// beyond the largest magnitude are left to what reads them.
TJ_INLINE grid_point round_to_grid(vfloat y, vfloat average, vint noise, const int format,
                                   const int rounding) {
  const int mantissa = formats[format].mantissa_bits;
  const vint exponent = minimum_int(maximum_int(as_int(y) >> 23, (vint)lowest_exponent(format)),
                                    (vint)highest_exponent(format));
  // In its binade y lies so many steps from zero.
  const vfloat per_step = as_float((254 + mantissa - exponent) << 23);
  const vfloat position = y * per_step;
  // Adding 1.5 * 2^23 leaves no bit for a fraction, and rounds ties to even steps. They have even codes where a
  // binade has an even number of them.
  if (rounding == TJ_NEAREST_EVEN && mantissa > 0)
    return (grid_point){as_int(position + 0x1.8p23f) & 15, exponent};
  if (rounding == TJ_STOCHASTIC) {
    // Up where fraction * 2^16 > r + 1/2, that is, where the integer above fraction * 2^17 is > 2 r + 1.
    const vint fixed = ceiling(position * 0x1p17f);
    return (grid_point){(fixed + noise) >> 17, exponent};
  }
  const vint whole = __builtin_convertvector(position, vint);
  const vfloat lower = __builtin_convertvector(whole, vfloat), fraction = position - lower;
  vint up;
  switch (rounding) {
  case TJ_NEAREST_EVEN:
    up = (fraction > 0.5f) | ((fraction == 0.5f) & ((open_code(whole, exponent, format) & 1) == 1));
    break;
  case TJ_NEAREST_AWAY: up = fraction >= 0.5f; break;
  default: up = (average * per_step >= lower + 0.5f) & (y > 0.0f); break;
  }
  return (grid_point){whole - up, exponent};
}

/// The magnitude of a grid point, clamped to the format's largest.
TJ_INLINE vfloat grid_value(grid_point point, const int format) {
  const vfloat step = as_float((point.exponent - formats[format].mantissa_bits) << 23);
  return minimum(__builtin_convertvector(point.steps, vfloat) * step, splat(largest_magnitude(format)));
}

/// The magnitude code 0...7 of a grid point.
TJ_INLINE vint grid_code(grid_point point, const int format) {
  return minimum_int(open_code(point.steps, point.exponent, format), (vint)7);
}

#endif
