// What a quantizer makes of numbers, in three forms: numbers again, codes in a packed matrix, or counts of what is lost.
#ifndef TJ_SINKS_H
#define TJ_SINKS_H

#include "grid.h"
#include "product/blocks.h"
#include "scales.h"

/// Sixteen elements of groups of known scale: what the sinks read.
typedef struct {
  vfloat x, y; // the numbers, and |x|/S
  vint code;   // of the magnitude
} rounded_lanes;

/// How sixteen elements of groups of known scale round. `factor` is what scale_factor says.
TJ_INLINE rounded_lanes round_lanes(vfloat x, vfloat ema, vint noise, vfloat factor, const int format,
                                    const int rounding) {
  vfloat average = splat(0), y = as_float(magnitude_bits(x));
  if (rounding == TJ_EMA) average = as_float(as_int(ema) ^ (as_int(x) & TJ_SIGN));
  y = divides(format) ? y / factor : y * factor;
  if (rounding == TJ_EMA) average = divides(format) ? average / factor : average * factor;
  return (rounded_lanes){x, y, rounded_code(y, average, noise, format, rounding)};
}

/// De-quantized values, or NaN where the group's scale is. `scale` is what scale_value says.
TJ_INLINE vfloat lane_values(rounded_lanes lanes, vfloat scale, vint broken, const int format) {
  const vfloat value = code_value(lanes.code, format) * scale;
  return as_float(as_int(value) | (as_int(lanes.x) & TJ_SIGN) | (broken & 0x7fc00000));
}

/// Codes with their signs; meaningless where the group is broken.
TJ_INLINE vuint lane_codes(rounded_lanes lanes, const int format) {
  const int bits = magnitude_bits_of(format);
  return (vuint)(lanes.code | ((as_int(lanes.x) >> (31 - bits)) & (1 << bits)));
}

/// Counts what is lost; a broken group, an error elsewhere, loses nothing.
TJ_INLINE void count_lanes(rounded_lanes lanes, vint broken, tj_losses *losses, const int format) {
  const vint saturated = lanes.y > largest_magnitude(format);
  const vint underflowed = (lanes.code == 0) & (lanes.x != 0.0f);
  losses->saturated += (size_t)-__builtin_reduce_add(saturated & ~broken);
  losses->underflowed += (size_t)-__builtin_reduce_add(underflowed & ~broken);
}

/// The place in a sink where one group, or neighbouring ones, begin.
typedef struct {
  float *values;
  size_t stride; // of values, from row to row
  uint8_t *codes, *scales;
  tj_losses *losses;
} sink_place;

/// Where a slice's numbers from `offset` on go, whose rows stand `stride` apart, and which lie in block `block` of a packed
/// matrix.
TJ_INLINE sink_place place_in(const tj_sink *sink, size_t offset, size_t stride, size_t block, const int kind,
                              const int format) {
  if (kind == TJ_VALUES) return (sink_place){.values = sink->values + offset, .stride = stride};
  if (kind == TJ_COUNTS) return (sink_place){.losses = sink->losses};
  return (sink_place){.codes = sink->codes + block * block_bytes(format),
                      .scales = sink->scales + block * scale_bytes(format)};
}

#endif
