// The fake quantizers: quantize and de-quantize in one pass, bit for bit what MXFormats' oracle says.
#ifndef TJ_QUANTIZE_H
#define TJ_QUANTIZE_H

#include "CMXKernels.h"
#include "vector.h"

enum { TJ_GROUP = 32 };
enum { TJ_NEAREST_EVEN, TJ_NEAREST_AWAY, TJ_STOCHASTIC, TJ_EMA };

/// Both halves of sixteen 32 x 32-bit products: the even lanes, the odd lanes, interleaved again.
TJ_INLINE void multiply_wide(vuint a, uint32_t b, vuint *high, vuint *low) {
  vwide even = ((vwide)a & 0xffffffffu) * (uint64_t)b;
  vwide odd = ((vwide)a >> 32) * (uint64_t)b;
  *low = (vuint)((even & 0xffffffffu) | (odd << 32));
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

/// The rounding bits of a row, out of the words of its block of eight rows, as 0...65535.
TJ_INLINE vfloat rounding_bits(const vuint words[4], size_t row) {
  vuint word = words[row % 8 / 2];
  vuint half = row % 2 == 0 ? word & 0xffff : word >> 16;
  return __builtin_convertvector((vint)half, vfloat);
}

/// Scale bytes of groups whose largest magnitudes have the bits `maximum` (sign cleared).
TJ_INLINE vint scale_byte(vint maximum, const tj_quantizer *quantizer) {
  vint above = ((maximum & 0x7fffff) > quantizer->fraction_threshold) & 1;
  vint byte = (maximum >> 23) - quantizer->maximum_exponent + above;
  return select_int(byte > 0, byte, (vint)0);
}

/// S of a scale byte 0...253; byte 0 is subnormal.
TJ_INLINE vfloat scale_value(vint byte) {
  return as_float(select_int(byte > 0, byte << 23, (vint)0x400000));
}

/// 1/S of a scale byte 0...253.
TJ_INLINE vfloat scale_reciprocal(vint byte) { return as_float((254 - byte) << 23); }

/// The exponent of y >= 0 as a biased exponent, clamped to low...high.
TJ_INLINE vint clamped_exponent(vfloat y, int low, int high) {
  vint exponent = as_int(y) >> 23;
  exponent = select_int(exponent > low, exponent, (vint)low);
  return select_int(exponent < high, exponent, (vint)high);
}

/// The value on the grid that y = |x|/S goes to. `average` is sign(x) * ema / S, `bits` the rounding bits.
/// In a binade of the grid, y = (whole + fraction) * gap between its neighbours at whole and whole + 1;
/// E3M0 has one step a binade and is measured from the binade's start.
TJ_INLINE vfloat round_to_grid(vfloat y, vfloat average, vfloat bits, const int format,
                               const int rounding) {
  vfloat whole, fraction, gap, per_gap, maximum_value;
  vint lower_is_odd, start = (vint)0;
  if (format == 0) {
    vint exponent = clamped_exponent(y, 127, 129);
    gap = as_float((exponent - 1) << 23);
    per_gap = as_float((255 - exponent) << 23);
    maximum_value = splat(6);
    if (rounding == TJ_NEAREST_EVEN) return minimum(round_even(y * per_gap) * gap, maximum_value);
    vfloat steps = y * per_gap;
    whole = truncate(steps);
    fraction = steps - whole;
    lower_is_odd = start;
  } else {
    // Below the smallest magnitude 2^-2 the gap is 2^-2 too, and the lower neighbour is 0.
    vint exponent = clamped_exponent(y, 125, 130);
    vint normal = y >= 0.25f;
    gap = as_float(exponent << 23);
    per_gap = as_float((254 - exponent) << 23);
    maximum_value = splat(16);
    whole = select(normal, splat(1), splat(0));
    fraction = y * per_gap - whole;
    // Codes 1, 2, ... belong to the exponents -2, -1, ...
    lower_is_odd = normal & (((exponent - 124) & 1) == 1);
  }
  vint up;
  switch (rounding) {
  case TJ_NEAREST_EVEN: up = (fraction > 0.5f) | ((fraction == 0.5f) & lower_is_odd); break;
  case TJ_NEAREST_AWAY: up = fraction >= 0.5f; break;
  case TJ_STOCHASTIC: up = fraction * 65536.0f > bits + 0.5f; break;
  default: up = (average * per_gap >= whole + 0.5f) & (y > 0.0f); break;
  }
  vfloat value = (whole + select(up, splat(1), splat(0))) * gap;
  return select(y >= maximum_value, maximum_value, value);
}

/// Sixteen de-quantized values, or NaN where the group's scale is.
TJ_INLINE vfloat quantize_lanes(vfloat x, vfloat ema, vfloat bits, vfloat scale, vfloat reciprocal,
                                vint broken, const int format, const int rounding) {
  vint sign = as_int(x) & (int32_t)0x80000000;
  vfloat average = splat(0);
  if (rounding == TJ_EMA) average = as_float(as_int(ema) ^ sign) * reciprocal;
  vfloat y = as_float(as_int(x) & 0x7fffffff) * reciprocal;
  vfloat value = round_to_grid(y, average, bits, format, rounding) * scale;
  return as_float(as_int(value) | sign | (broken & 0x7fc00000));
}

TJ_INLINE size_t quantize_rows_as(const float *x, const float *ema, float *out, size_t rows,
                                  size_t columns, size_t first_row, const tj_quantizer *quantizer,
                                  const int format, const int rounding) {
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
        vfloat ema_a = splat(0), ema_b = splat(0), bits_a = splat(0), bits_b = splat(0);
        if (rounding == TJ_EMA) {
          ema_a = load_some(ema + at, first);
          ema_b = load_some(ema + at + first, second);
        }
        if (rounding == TJ_STOCHASTIC) {
          bits_a = rounding_bits(words[0], row);
          bits_b = rounding_bits(words[1], row);
        }
        vint magnitude_a = as_int(a) & 0x7fffffff, magnitude_b = as_int(b) & 0x7fffffff;
        // As integers, magnitudes are in order, and NaN is above infinity above all numbers.
        const int32_t largest =
            max_lanes_int(select_int(magnitude_a > magnitude_b, magnitude_a, magnitude_b));
        const vint broken = (vint)largest >= 0x7f800000;
        broken_groups += largest >= 0x7f800000;
        const vint byte = scale_byte((vint)largest, quantizer);
        const vfloat scale = scale_value(byte), reciprocal = scale_reciprocal(byte);
        store_some(out + at,
                   quantize_lanes(a, ema_a, bits_a, scale, reciprocal, broken, format, rounding), first);
        store_some(out + at + first,
                   quantize_lanes(b, ema_b, bits_b, scale, reciprocal, broken, format, rounding), second);
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
        vint magnitude = as_int(load_some(x + row * columns + column, lanes)) & 0x7fffffff;
        largest = select_int(magnitude > largest, magnitude, largest);
      }
      const vint broken = largest >= 0x7f800000;
      broken_groups += (size_t)-__builtin_reduce_add(broken);
      const vint byte = scale_byte(largest, quantizer);
      const vfloat scale = scale_value(byte), reciprocal = scale_reciprocal(byte);
      vuint words[4];
      for (size_t row = group; row < end; row++) {
        const size_t at = row * columns + column;
        vfloat average = splat(0), bits = splat(0);
        if (rounding == TJ_EMA) average = load_some(ema + at, lanes);
        if (rounding == TJ_STOCHASTIC) {
          if ((row - group) % 8 == 0)
            philox((uint32_t)column, (uint32_t)((first_row + row) / 8), quantizer, words);
          bits = rounding_bits(words, row);
        }
        store_some(out + at,
                   quantize_lanes(load_some(x + at, lanes), average, bits, scale, reciprocal, broken,
                                  format, rounding),
                   lanes);
      }
    }
  }
  return broken_groups;
}

// The format and the rounding become constants, so that each of the sixteen loops is straight code.
#define TJ_SPECIALIZE(function, ...)                                                              \
  switch (quantizer->format * 4 + quantizer->rounding) {                                          \
  case 0: return function(__VA_ARGS__, 0, TJ_NEAREST_EVEN);                                       \
  case 1: return function(__VA_ARGS__, 0, TJ_NEAREST_AWAY);                                       \
  case 2: return function(__VA_ARGS__, 0, TJ_STOCHASTIC);                                         \
  case 3: return function(__VA_ARGS__, 0, TJ_EMA);                                                \
  case 4: return function(__VA_ARGS__, 1, TJ_NEAREST_EVEN);                                       \
  case 5: return function(__VA_ARGS__, 1, TJ_NEAREST_AWAY);                                       \
  case 6: return function(__VA_ARGS__, 1, TJ_STOCHASTIC);                                         \
  default: return function(__VA_ARGS__, 1, TJ_EMA);                                               \
  }

static size_t quantize_rows(const float *x, const float *ema, float *out, size_t rows, size_t columns,
                            size_t first_row, const tj_quantizer *quantizer) {
  TJ_SPECIALIZE(quantize_rows_as, x, ema, out, rows, columns, first_row, quantizer)
}

static size_t quantize_columns(const float *x, const float *ema, float *out, size_t rows,
                               size_t columns, size_t first_row, const tj_quantizer *quantizer) {
  TJ_SPECIALIZE(quantize_columns_as, x, ema, out, rows, columns, first_row, quantizer)
}

#endif
