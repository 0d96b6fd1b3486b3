// The fake quantizers: quantize and de-quantize in one pass, bit for bit what MXFormats' oracle says.
#ifndef TJ_QUANTIZE_H
#define TJ_QUANTIZE_H

#include "CMXKernels.h"
#include "vector.h"

enum { TJ_GROUP = 32 };
enum { TJ_E2M1, TJ_E3M0 };
enum { TJ_NEAREST_EVEN, TJ_NEAREST_AWAY, TJ_STOCHASTIC, TJ_EMA };

/// Both halves of sixteen 32 x 32-bit products; the high ones from the even and the odd lanes.
TJ_INLINE void multiply_wide(vuint a, uint32_t b, vuint *high, vuint *low) {
  vwide even = ((vwide)a & 0xffffffffu) * (uint64_t)b;
  vwide odd = ((vwide)a >> 32) * (uint64_t)b;
  *low = a * b;
  *high = (vuint)((even >> 32) | (odd & 0xffffffff00000000u));
}

/// Philox4x32-10 of sixteen neighbouring counters (column + lane, block, stream).
TJ_INLINE void philox(uint32_t column, uint32_t block, const tj_quantizer *quantizer, vuint words[4]) {
  const vuint lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  vuint c0 = lane + column, c1 = (vuint)block;
  vuint c2 = (vuint)quantizer->stream[0], c3 = (vuint)quantizer->stream[1];
  uint32_t k0 = quantizer->key[0], k1 = quantizer->key[1];
  for (int round = 0; round < 10; round++) {
    vuint even_high, even_low, odd_high, odd_low;
    multiply_wide(c0, 0xD2511F53u, &even_high, &even_low);
    multiply_wide(c2, 0xCD9E8D57u, &odd_high, &odd_low);
    c0 = odd_high ^ c1 ^ k0;
    c1 = odd_low;
    c2 = even_high ^ c3 ^ k1;
    c3 = even_low;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

/// What stochastic rounding adds to a fraction of 17 bits before it cuts them off, for a row of the block of eight
/// rows that the words belong to: 2^17 - 2 - 2 r with r the row's 16 random bits.
TJ_INLINE vint rounding_noise(const vuint words[4], size_t row) {
  const vuint word = words[row % 8 / 2];
  return (vint)(~(row % 2 == 0 ? word << 1 : word >> 15) & 0x1fffe);
}

/// Scale bytes of groups whose largest magnitudes have the bits `maximum` (sign cleared).
TJ_INLINE vint scale_byte(vint maximum, const tj_quantizer *quantizer) {
  vint above = ((maximum & 0x7fffff) > quantizer->fraction_threshold) & 1;
  vint byte = (maximum >> 23) - quantizer->maximum_exponent + above;
  return maximum_int(byte, (vint)0);
}

/// S of a scale byte 0...253; byte 0 is subnormal.
TJ_INLINE vfloat scale_value(vint byte) { return as_float(choose_int(byte > 0, byte << 23, (vint)0x400000)); }

/// 1/S of a scale byte 0...253.
TJ_INLINE vfloat scale_reciprocal(vint byte) { return as_float((254 - byte) << 23); }

/// The exponent of y >= 0 as a biased exponent, clamped to low...high.
TJ_INLINE vint clamped_exponent(vfloat y, int low, int high) {
  return minimum_int(maximum_int(as_int(y) >> 23, (vint)low), (vint)high);
}

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

/// Where on the grid y = |x|/S goes. `average` is sign(x) * ema / S, `noise` what rounding_noise says.
/// In a binade of the grid, y lies `position` steps from the binade's start (E3M0) or from zero (E2M1),
/// which is `base` steps. Codes beyond the largest are left to the caller to clamp.
TJ_INLINE grid_point round_to_grid(vfloat y, vfloat average, vint noise, const int format,
                                   const int rounding) {
  vfloat position, per_step;
  vint exponent, base = (vint)0, is_even = (vint)0;
  if (format == TJ_E2M1) {
    exponent = clamped_exponent(y, 127, 129);
    per_step = as_float((255 - exponent) << 23);
    position = y * per_step;
    // Adding 1.5 * 2^23 leaves no bit for a fraction, and rounds ties to even steps, which have even codes.
    if (rounding == TJ_NEAREST_EVEN) return (grid_point){as_int(position + 0x1.8p23f) & 15, exponent};
  } else {
    // Below the smallest magnitude 2^-2 the step is 2^-2 too, and the lower neighbour is 0.
    exponent = clamped_exponent(y, 125, 130);
    base = -(y >= 0.25f);
    per_step = as_float((254 - exponent) << 23);
    position = y * per_step - __builtin_convertvector(base, vfloat);
    // Codes 1, 2, ... belong to the exponents -2, -1, ...
    is_even = (base == 0) | (((exponent - 124) & 1) == 0);
  }
  if (rounding == TJ_STOCHASTIC) {
    // Up where fraction * 2^16 > r + 1/2, that is, where the integer above fraction * 2^17 is > 2 r + 1.
    const vint fixed = ceiling(position * 0x1p17f);
    return (grid_point){base + ((fixed + noise) >> 17), exponent};
  }
  const vint whole = __builtin_convertvector(position, vint);
  const vfloat lower = __builtin_convertvector(whole, vfloat), fraction = position - lower;
  vint up;
  switch (rounding) {
  case TJ_NEAREST_EVEN: up = (fraction > 0.5f) | ((fraction == 0.5f) & ~is_even); break;
  case TJ_NEAREST_AWAY: up = fraction >= 0.5f; break;
  default:
    up = (average * per_step >= lower + __builtin_convertvector(base, vfloat) + 0.5f) & (y > 0.0f);
    // The average may point below a value that saturates.
    if (format == TJ_E3M0) up |= y >= 16.0f;
    break;
  }
  return (grid_point){base + whole - up, exponent};
}

/// The magnitude of a grid point, clamped to the format's largest.
TJ_INLINE vfloat grid_value(grid_point point, const int format) {
  const vfloat step = as_float((point.exponent - (format == TJ_E2M1 ? 1 : 0)) << 23);
  return minimum(__builtin_convertvector(point.steps, vfloat) * step,
                 splat(format == TJ_E2M1 ? 6.0f : 16.0f));
}

/// The magnitude code 0...7 of a grid point: two codes a binade of E2M1, one of E3M0.
TJ_INLINE vint grid_code(grid_point point, const int format) {
  const vint code =
      format == TJ_E2M1 ? point.steps + 2 * (point.exponent - 127) : point.steps + point.exponent - 125;
  return minimum_int(code, (vint)7);
}

/// How sixteen elements of groups of known scale round.
TJ_INLINE grid_point round_lanes(vfloat x, vfloat ema, vint noise, vfloat reciprocal, const int format,
                                 const int rounding) {
  vfloat average = splat(0);
  if (rounding == TJ_EMA) average = as_float(as_int(ema) ^ (as_int(x) & TJ_SIGN)) * reciprocal;
  vfloat y = as_float(as_int(x) & ~TJ_SIGN) * reciprocal;
  return round_to_grid(y, average, noise, format, rounding);
}

/// Sixteen de-quantized values, or NaN where the group's scale is.
TJ_INLINE vfloat quantize_lanes(vfloat x, vfloat ema, vint noise, vfloat scale, vfloat reciprocal,
                                vint broken, const int format, const int rounding) {
  grid_point point = round_lanes(x, ema, noise, reciprocal, format, rounding);
  vfloat value = grid_value(point, format) * scale;
  return as_float(as_int(value) | (as_int(x) & TJ_SIGN) | (broken & 0x7fc00000));
}

/// Sixteen codes 0...15, or 0 where the group's scale is NaN.
TJ_INLINE vuint encode_lanes(vfloat x, vfloat ema, vint noise, vfloat reciprocal, vint broken,
                             const int format, const int rounding) {
  grid_point point = round_lanes(x, ema, noise, reciprocal, format, rounding);
  vint code = grid_code(point, format) | ((as_int(x) >> 28) & 8);
  return (vuint)(code & ~broken);
}

TJ_INLINE size_t quantize_rows_as(const float *x, const float *ema, float *out, size_t rows, size_t columns,
                                  size_t first_row, const tj_quantizer *quantizer, const int format,
                                  const int rounding) {
  size_t broken_groups = 0;
  for (size_t block = 0; block < rows; block += 8) {
    const size_t end = block + 8 < rows ? block + 8 : rows;
    for (size_t column = 0; column < columns; column += TJ_GROUP) {
      const size_t length = columns - column < TJ_GROUP ? columns - column : TJ_GROUP;
      const size_t first = length < TJ_LANES ? length : TJ_LANES, second = length - first;
      vuint words[2][4];
      if (rounding == TJ_STOCHASTIC) {
        const uint32_t row_block = (uint32_t)((first_row + block) / 8);
        philox((uint32_t)column, row_block, quantizer, words[0]);
        philox((uint32_t)column + TJ_LANES, row_block, quantizer, words[1]);
      }
      for (size_t row = block; row < end; row++) {
        const size_t at = row * columns + column;
        vfloat a = load_some(x + at, first), b = load_some(x + at + first, second);
        vfloat ema_a = splat(0), ema_b = splat(0);
        vint noise_a = (vint)0, noise_b = (vint)0;
        if (rounding == TJ_EMA) {
          ema_a = load_some(ema + at, first);
          ema_b = load_some(ema + at + first, second);
        }
        if (rounding == TJ_STOCHASTIC) {
          noise_a = rounding_noise(words[0], row);
          noise_b = rounding_noise(words[1], row);
        }
        vint magnitude_a = as_int(a) & ~TJ_SIGN, magnitude_b = as_int(b) & ~TJ_SIGN;
        // As integers, magnitudes are in order, and NaN is above infinity above all numbers.
        const int32_t largest = max_lanes_int(maximum_int(magnitude_a, magnitude_b));
        const vint broken = (vint)largest >= 0x7f800000;
        broken_groups += largest >= 0x7f800000;
        const vint byte = scale_byte((vint)largest, quantizer);
        const vfloat scale = scale_value(byte), reciprocal = scale_reciprocal(byte);
        store_some(out + at, quantize_lanes(a, ema_a, noise_a, scale, reciprocal, broken, format, rounding),
                   first);
        store_some(out + at + first,
                   quantize_lanes(b, ema_b, noise_b, scale, reciprocal, broken, format, rounding), second);
      }
    }
  }
  return broken_groups;
}

TJ_INLINE size_t quantize_columns_as(const float *x, const float *ema, float *out, size_t rows,
                                     size_t columns, size_t first_row, const tj_quantizer *quantizer,
                                     const int format, const int rounding) {
  size_t broken_groups = 0;
  for (size_t group = 0; group < rows; group += TJ_GROUP) {
    const size_t end = group + TJ_GROUP < rows ? group + TJ_GROUP : rows;
    for (size_t column = 0; column < columns; column += TJ_LANES) {
      const size_t lanes = columns - column < TJ_LANES ? columns - column : TJ_LANES;
      vint largest = (vint)0;
      for (size_t row = group; row < end; row++) {
        vint magnitude = as_int(load_some(x + row * columns + column, lanes)) & ~TJ_SIGN;
        largest = maximum_int(magnitude, largest);
      }
      const vint broken = largest >= 0x7f800000;
      broken_groups += (size_t)-__builtin_reduce_add(broken);
      const vint byte = scale_byte(largest, quantizer);
      const vfloat scale = scale_value(byte), reciprocal = scale_reciprocal(byte);
      vuint words[4];
      for (size_t row = group; row < end; row++) {
        const size_t at = row * columns + column;
        vfloat average = splat(0);
        vint noise = (vint)0;
        if (rounding == TJ_EMA) average = load_some(ema + at, lanes);
        if (rounding == TJ_STOCHASTIC) {
          if ((row - group) % 8 == 0)
            philox((uint32_t)column, (uint32_t)((first_row + row) / 8), quantizer, words);
          noise = rounding_noise(words, row);
        }
        store_some(out + at,
                   quantize_lanes(load_some(x + at, lanes), average, noise, scale, reciprocal, broken, format,
                                  rounding),
                   lanes);
      }
    }
  }
  return broken_groups;
}

// The format and the rounding become constants, so that each of the sixteen loops is straight code.
#define TJ_SPECIALIZE(function, ...)                                                                         \
  switch (quantizer->format * 4 + quantizer->rounding) {                                                     \
  case 0: return function(__VA_ARGS__, 0, TJ_NEAREST_EVEN);                                                  \
  case 1: return function(__VA_ARGS__, 0, TJ_NEAREST_AWAY);                                                  \
  case 2: return function(__VA_ARGS__, 0, TJ_STOCHASTIC);                                                    \
  case 3: return function(__VA_ARGS__, 0, TJ_EMA);                                                           \
  case 4: return function(__VA_ARGS__, 1, TJ_NEAREST_EVEN);                                                  \
  case 5: return function(__VA_ARGS__, 1, TJ_NEAREST_AWAY);                                                  \
  case 6: return function(__VA_ARGS__, 1, TJ_STOCHASTIC);                                                    \
  default: return function(__VA_ARGS__, 1, TJ_EMA);                                                          \
  }

static size_t quantize_rows(const float *x, const float *ema, float *out, size_t rows, size_t columns,
                            size_t first_row, const tj_quantizer *quantizer) {
  TJ_SPECIALIZE(quantize_rows_as, x, ema, out, rows, columns, first_row, quantizer)
}

static size_t quantize_columns(const float *x, const float *ema, float *out, size_t rows, size_t columns,
                               size_t first_row, const tj_quantizer *quantizer) {
  TJ_SPECIALIZE(quantize_columns_as, x, ema, out, rows, columns, first_row, quantizer)
}

#endif
