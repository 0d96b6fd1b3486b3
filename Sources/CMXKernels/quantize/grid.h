// Where on its format's grid a scaled number goes: bit for bit what MXFormats' oracle says.
#ifndef TJ_GRID_H
#define TJ_GRID_H

#include "formats.h"

enum { TJ_NEAREST_EVEN, TJ_NEAREST_AWAY, TJ_STOCHASTIC, TJ_EMA };

/// The integer above or at x, for 0 <= x < 2^31.
TJ_INLINE vint ceiling(vfloat x) {
#if TJ_FUSED // Such hardware rounds to integers, too.
  return __builtin_convertvector(__builtin_elementwise_ceil(x), vint);
#else
  const vint below = __builtin_convertvector(x, vint);
  return below - (__builtin_convertvector(below, vfloat) < x);
#endif
}

/// The code of y to the nearest, ties to the even one. In binade k, code = y / step + k 2^mantissa_bits; as each binade's
/// steps are twice as long as those of the one before, every other binade's line lies above that of y's own. The least
/// of the lines is rounded, by the sum with 1.5 * 2^23, which leaves no bit for a fraction.
TJ_INLINE vint nearest_even_code(vfloat y, const int format) {
  const int mantissa = formats[format].mantissa_bits, binades = 1 << formats[format].exponent_bits;
  vint code = as_int(splat(0x1.8p23f + (float)formats[format].largest_code));
  for (int k = 0; k < binades - 1; k++) {
    const int exponent = lowest_exponent(format) - mantissa + k;
    const vfloat per_step = as_float((vint)((254 - exponent) << 23));
    const vfloat line = multiply_add(y, per_step, splat(0x1.8p23f + (float)(k << mantissa)));
    // Positive numbers are in order as integers.
    code = minimum_int(code, as_int(line));
  }
  return code & 0xff;
}

/// The magnitude code that y = |x|/S gets. `average` is sign(x) * ema / S, `noise` what rounding_noise says.
TJ_INLINE vint rounded_code(vfloat y, vfloat average, vint noise, const int format, const int rounding) {
  if (rounding == TJ_NEAREST_EVEN) return nearest_even_code(y, format);
  const vint exponent = minimum_int(maximum_int(as_int(y) >> 23, (vint)lowest_exponent(format)),
                                    (vint)highest_exponent(format));
  // In its binade y lies so many steps from zero, in stochastic rounding with 17 bits of fraction.
  const int unit = formats[format].mantissa_bits + (rounding == TJ_STOCHASTIC ? 17 : 0);
  const vfloat per_step = as_float((254 + unit - exponent) << 23);
  const vfloat position = y * per_step;
  vint steps;
  if (rounding == TJ_STOCHASTIC) {
    // Up where fraction * 2^16 > r + 1/2, that is, where the integer above fraction * 2^17 is > 2 r + 1.
    steps = (ceiling(position) + noise) >> 17;
  } else {
    const vint whole = __builtin_convertvector(position, vint);
    const vfloat lower = __builtin_convertvector(whole, vfloat);
    const vint up = rounding == TJ_NEAREST_AWAY ? position - lower >= 0.5f
                                                : (average * per_step >= lower + 0.5f) & (y > 0.0f);
    steps = whole - up;
  }
  const vint code = steps + ((exponent - lowest_exponent(format)) << formats[format].mantissa_bits);
  return minimum_int(code, (vint)formats[format].largest_code);
}

/// The magnitude of a code without its sign.
TJ_INLINE vfloat code_value(vint code, const int format) {
  const int mantissa = formats[format].mantissa_bits;
  // A code is an exponent and a mantissa; without a leading one the step is that of the binade above.
  const vfloat normal = as_float((code << (23 - mantissa)) + ((lowest_exponent(format) - 1) << 23));
  const vfloat step = as_float((vint)((127 + step_exponent(format)) << 23));
  return choose(code < (1 << mantissa), __builtin_convertvector(code, vfloat) * step, normal);
}

#endif
