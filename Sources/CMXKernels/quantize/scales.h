// The scales of groups: bit for bit what MXFormats' oracle says.
#ifndef TJ_SCALES_H
#define TJ_SCALES_H

#include "formats.h"

/// The bits of a magnitude. As integers magnitudes are in order, and NaN is above infinity above all numbers.
TJ_INLINE vint magnitude_bits(vfloat x) { return as_int(x) & ~TJ_SIGN; }

/// Whether groups whose largest magnitudes have these bits hold a NaN or an infinity.
TJ_INLINE vint is_broken(vint largest) { return largest >= 0x7f800000; }

/// The scale byte of a group with a NaN or an infinity.
TJ_INLINE int nan_scale(int format) { return formats[format].scale == TJ_NUMBER ? 0x7f : 255; }

enum { TJ_LARGEST_NUMBER = 0x7e }; // E4M3's 448

/// What a byte 0...0x7e of E4M3 stands for.
TJ_INLINE vfloat number_of_byte(vint byte) {
  const vint exponent = byte >> 3, mantissa = byte & 7;
  const vfloat normal = as_float(((exponent + 120) << 23) | (mantissa << 20));
  return choose(exponent == 0, __builtin_convertvector(mantissa, vfloat) * 0x1p-9f, normal);
}

/// E4M3's nearest byte to numbers 0...448, ties to even, or the smallest that is not below them.
TJ_INLINE vint byte_of_number(vfloat x, int rounds_up) {
  // The step of x's binade; below 2^-6 the steps stay as they are.
  const vint exponent = maximum_int(as_int(x) >> 23, (vint)121);
  const vfloat position = x * as_float((257 - exponent) << 23);
  const vint below = __builtin_convertvector(position, vint);
  const vfloat lower = __builtin_convertvector(below, vfloat);
  const vint steps =
      rounds_up ? below - (lower < position) : __builtin_convertvector(round_even(position), vint);
  // Eight steps more are a binade more: a carry lands where it belongs.
  return steps + ((exponent - 121) << 3);
}

/// S of scale bytes of E4M3.
TJ_INLINE vfloat scale_of_number(vint byte, vfloat outer) { return number_of_byte(byte) * outer; }

/// E4M3's bytes with which magnitudes become `target`.
TJ_INLINE vint number_byte(vfloat maximum, float target, vfloat outer, const tj_quantizer *quantizer) {
  const vfloat wanted = maximum / outer / target;
  const vint byte = byte_of_number(minimum(wanted, splat(448)), quantizer->never_clips);
  if (!quantizer->never_clips) return byte;
  // Two divisions have rounded what is wanted, and a multiplication the scale.
  const vint clips = maximum / scale_of_number(byte, outer) > target;
  return minimum_int(byte - clips, (vint)TJ_LARGEST_NUMBER);
}

/// Scale bytes of groups whose largest magnitudes have the bits `largest`; meaningless where they are broken.
TJ_INLINE vint scale_byte(vint largest, vfloat outer, const tj_quantizer *quantizer, const int format) {
  if (formats[format].scale == TJ_ONE) return (vint)127;
  if (formats[format].scale == TJ_NUMBER)
    return number_byte(as_float(largest), largest_magnitude(format), outer, quantizer);
  const vint above = ((largest & 0x7fffff) > quantizer->fraction_threshold) & 1;
  const vint byte = (largest >> 23) - (highest_exponent(format) - 127) + above;
  return maximum_int(byte, (vint)0);
}

/// Whether numbers are divided by their scale. They are multiplied with its reciprocal where that is exact.
TJ_INLINE int divides(int format) { return formats[format].scale != TJ_POWER; }

/// What brings numbers onto their grid: 1/S of scale bytes 0...253, or S where numbers are divided by it. Under no scale
/// all numbers become 0.
TJ_INLINE vfloat scale_factor(vint byte, vfloat outer, const int format) {
  if (formats[format].scale == TJ_ONE) return outer;
  if (formats[format].scale == TJ_POWER) return as_float((254 - byte) << 23);
  const vfloat scale = scale_of_number(byte, outer);
  return choose(scale > 0.0f, scale, as_float((vint)0x7f800000));
}

/// What values of codes are multiplied with, of scale bytes 0...253, of which 0 is subnormal. (Numbers on a grid of the
/// whole matrix keep its unit.)
TJ_INLINE vfloat scale_value(vint byte, vfloat outer, const int format) {
  if (formats[format].scale == TJ_NUMBER) return scale_of_number(byte, outer);
  return as_float(choose_int(byte > 0, byte << 23, (vint)0x400000));
}

/// The scales of 16 groups, or NaN, times 2 to some exponent, without the outer scale; exact.
TJ_INLINE vfloat unit_of(vint byte, int32_t step, int format) {
  const vint is_nan = byte == nan_scale(format);
  if (formats[format].scale == TJ_NUMBER) {
    const vfloat unit = number_of_byte(byte) * as_float((vint)((127 + step) << 23));
    return choose(is_nan, as_float((vint)0x7fc00000), unit);
  }
  const vint exponent = byte + step;
  vint bits = choose_int(exponent > 0, exponent << 23, (vint)0x400000 >> -minimum_int(exponent, (vint)0));
  return as_float(choose_int(is_nan, (vint)0x7fc00000, bits));
}

#endif
