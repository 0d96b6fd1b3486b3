// The scales of eight or sixteen groups at once, each in a lane: those that their largest magnitudes ask for, or the better of two.
#ifndef TJ_GROUP_SCALES_H
#define TJ_GROUP_SCALES_H

#include "sinks.h"

/// The largest lane of each of eight vectors, in the lanes 0...7; zeros in the others.
TJ_INLINE vint largest_lanes(const vint x[8]) {
  vint halves[4], quarters[2];
  for (size_t i = 0; i < 4; i++) // Two vectors' numbers in a half each.
    halves[i] = maximum_int(__builtin_shufflevector(x[2 * i], x[2 * i + 1], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17,
                                                    18, 19, 20, 21, 22, 23),
                            __builtin_shufflevector(x[2 * i], x[2 * i + 1], 8, 9, 10, 11, 12, 13, 14, 15, 24,
                                                    25, 26, 27, 28, 29, 30, 31));
  for (size_t i = 0; i < 2; i++) // Four in a quarter each.
    quarters[i] = maximum_int(__builtin_shufflevector(halves[2 * i], halves[2 * i + 1], 0, 1, 2, 3, 8, 9, 10,
                                                      11, 16, 17, 18, 19, 24, 25, 26, 27),
                              __builtin_shufflevector(halves[2 * i], halves[2 * i + 1], 4, 5, 6, 7, 12, 13,
                                                      14, 15, 20, 21, 22, 23, 28, 29, 30, 31));
  // In quarter k two numbers of vector k, and two of vector 4 + k.
  const vint eighths = maximum_int(__builtin_shufflevector(quarters[0], quarters[1], 0, 1, 16, 17, 4, 5, 20,
                                                           21, 8, 9, 24, 25, 12, 13, 28, 29),
                                   __builtin_shufflevector(quarters[0], quarters[1], 2, 3, 18, 19, 6, 7, 22,
                                                           23, 10, 11, 26, 27, 14, 15, 30, 31));
  const vint swapped =
      __builtin_shufflevector(eighths, eighths, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
  return __builtin_shufflevector(maximum_int(eighths, swapped), (vint)0, 0, 4, 8, 12, 2, 6, 10, 14, 16, 16,
                                 16, 16, 16, 16, 16, 16);
}

/// The scales of one group in each of eight lanes, or in each of sixteen.
typedef struct {
  vint byte, broken;
  vfloat outer;                              // what multiplies them
  float factors[TJ_LANES], values[TJ_LANES]; // what scale_factor and scale_value say
} group_scales;

TJ_INLINE group_scales scales_of_bytes(vint byte, vint broken, vfloat outer, const int format) {
  group_scales scales = {.byte = byte, .broken = broken, .outer = outer};
  store(scales.factors, scale_factor(byte, outer, format));
  store(scales.values, scale_value(byte, outer, format));
  return scales;
}

/// `square` is the magnitude that their scales follow from where squares share them; else null.
TJ_INLINE group_scales scales_of(vint largest, const float *square, vfloat outer,
                                 const tj_quantizer *quantizer, const int format) {
  const vint decisive = square ? as_int(splat(*square)) : largest;
  return scales_of_bytes(scale_byte(decisive, outer, quantizer, format), is_broken(largest), outer, format);
}

/// What sixteen numbers lose to the nearest, squared, in units of the outer scale. `factor` is what scale_factor says,
/// `number` the scale without the outer one.
TJ_INLINE vfloat squared_loss(vfloat x, vfloat factor, vfloat number, const int format) {
  const rounded_lanes lanes = round_lanes(x, splat(0), (vint)0, factor, format, TJ_NEAREST_EVEN);
  const vfloat error = (lanes.y - code_value(lanes.code, format)) * number;
  return error * error;
}

/// The scales with which the largest magnitudes become 4, or those of 6 where there are none.
TJ_INLINE group_scales scales_of_four(const group_scales *six, vint largest, const tj_quantizer *quantizer,
                                      const int format) {
  const vfloat maximum = as_float(largest);
  const vint exists = !(maximum / six->outer / 4.0f > 448.0f);
  const vint byte = choose_int(exists, number_byte(maximum, 4, six->outer, quantizer), six->byte);
  return scales_of_bytes(byte, six->broken, six->outer, format);
}

/// Those of the two that lose less.
TJ_INLINE group_scales better_scales(const group_scales *six, const group_scales *four, vfloat loss_of_six,
                                     vfloat loss_of_four, const int format) {
  const vint is_four = (loss_of_four < loss_of_six) | (six->byte == 0);
  return scales_of_bytes(choose_int(is_four, four->byte, six->byte), six->broken, six->outer, format);
}

/// The better scales of groups along rows, one in each of `rows` <= 8 of them.
TJ_INLINE group_scales better_row_scales(group_scales six, vint largest, const float *x, size_t stride,
                                         size_t rows, size_t length, const tj_quantizer *quantizer,
                                         const int format) {
  const group_scales four = scales_of_four(&six, largest, quantizer, format);
  float losses[2][TJ_LANES] = {{0}};
  for (size_t i = 0; i < rows; i++) {
    const vfloat row = load_some(x + i * stride, length);
    losses[0][i] =
        sum_lanes(squared_loss(row, splat(six.factors[i]), number_of_byte((vint)six.byte[i]), format));
    losses[1][i] =
        sum_lanes(squared_loss(row, splat(four.factors[i]), number_of_byte((vint)four.byte[i]), format));
  }
  return better_scales(&six, &four, load(losses[0]), load(losses[1]), format);
}

/// The better scales of groups along columns, one in each of `lanes` <= 16 of them. The sums are those of rows.
TJ_INLINE group_scales better_column_scales(group_scales six, vint largest, const float *x, size_t stride,
                                            size_t rows, size_t lanes, const tj_quantizer *quantizer,
                                            const int format) {
  const group_scales four = scales_of_four(&six, largest, quantizer, format);
  vfloat losses[2][TJ_LANES];
  for (size_t i = 0; i < TJ_LANES; i++) {
    const vfloat row = i < rows ? load_some(x + i * stride, lanes) : splat(0);
    losses[0][i] = squared_loss(row, load(six.factors), number_of_byte(six.byte), format);
    losses[1][i] = squared_loss(row, load(four.factors), number_of_byte(four.byte), format);
  }
  for (size_t half = TJ_LANES / 2; half > 0; half /= 2)
    for (size_t i = 0; i < half; i++)
      for (size_t k = 0; k < 2; k++) losses[k][i] += losses[k][i + half];
  return better_scales(&six, &four, losses[0][0], losses[1][0], format);
}

/// Writes as many scale bytes.
TJ_INLINE void store_scales(uint8_t *to, const group_scales *scales, size_t count, const int format) {
  const vint byte = choose_int(scales->broken, (vint)nan_scale(format), scales->byte);
  const vbyte16 bytes = __builtin_convertvector(byte, vbyte16);
  memcpy(to, &bytes, count);
}

TJ_INLINE size_t count_broken(const group_scales *scales) {
  return (size_t)-__builtin_reduce_add(scales->broken);
}

#endif
