// Quantizers that write packed matrices: bit for bit the codes and scales of MXFormats' oracle, in panels
// of 16 lanes (see CMXKernels.h for the layout).
#ifndef TJ_PACK_H
#define TJ_PACK_H

#include "quantize.h"

typedef uint8_t vbyte16 __attribute__((ext_vector_type(16)));
typedef uint32_t vword4 __attribute__((ext_vector_type(4)));
typedef uint64_t veight __attribute__((ext_vector_type(4)));

enum { TJ_BLOCK = TJ_LANES * TJ_GROUP / 2 };

/// How many columns ahead a strip of rows is fetched: its lines lie rows apart, which the hardware does not
/// foresee. Two to six groups ahead measured alike, one and a half to twice as fast as none.
enum { TJ_AHEAD = 64 };

TJ_INLINE size_t groups_of(size_t length) { return (length + TJ_GROUP - 1) / TJ_GROUP; }
TJ_INLINE size_t panels_of(size_t lanes) { return (lanes + TJ_LANES - 1) / TJ_LANES; }

/// Writes the 32 codes of one lane, a the first sixteen, into a block of 16 lanes.
TJ_INLINE void store_lane(uint8_t *block, size_t lane, vuint a, vuint b) {
  const vbyte16 first = __builtin_convertvector(a, vbyte16), second = __builtin_convertvector(b, vbyte16);
  veight eights =
      (veight)__builtin_shufflevector(first, second, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
                                      17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
  // Element 4 + b of each eight joins element b in one byte.
  eights |= eights >> 28;
  const vword4 codes = __builtin_convertvector(eights, vword4);
  for (size_t t = 0; t < 4; t++) {
    const uint32_t word = codes[t];
    memcpy(block + t * 64 + lane * 4, &word, sizeof word);
  }
}

/// Lanes that the last panel has beyond the matrix: code 0, scale byte 0.
static void clear_lanes(size_t first, size_t groups, uint8_t *codes, uint8_t *scales) {
  const uint32_t zero = 0;
  for (size_t group = 0; group < groups; group++)
    for (size_t lane = first; lane < TJ_LANES; lane++) {
      for (size_t t = 0; t < 4; t++) memcpy(codes + group * TJ_BLOCK + t * 64 + lane * 4, &zero, 4);
      scales[group * TJ_LANES + lane] = 0;
    }
}

/// One group of `length` <= 32 neighbouring columns: `rows` <= 8 rows of x, `stride` apart, which are the lanes
/// from `lane` on. `row`, a multiple of 8, and `column` are x's place in the whole matrix, for the random bits.
TJ_INLINE size_t pack_row_groups(const float *x, const float *ema, size_t stride, size_t rows, size_t length,
                                 size_t row, size_t column, const tj_quantizer *quantizer, uint8_t *codes,
                                 uint8_t *scales, const int format, const int rounding) {
  const size_t first = length < TJ_LANES ? length : TJ_LANES, second = length - first;
  size_t broken_groups = 0;
  vuint words[2][4];
  if (rounding == TJ_STOCHASTIC) {
    philox((uint32_t)column, (uint32_t)(row / 8), quantizer, words[0]);
    philox((uint32_t)column + TJ_LANES, (uint32_t)(row / 8), quantizer, words[1]);
  }
  for (size_t i = 0; i < rows; i++) {
    const float *source = x + i * stride;
    vfloat a = load_some(source, first), b = load_some(source + first, second);
    vfloat ema_a = splat(0), ema_b = splat(0);
    vint noise_a = (vint)0, noise_b = (vint)0;
    if (rounding == TJ_EMA) {
      ema_a = load_some(ema + i * stride, first);
      ema_b = load_some(ema + i * stride + first, second);
    }
    if (rounding == TJ_STOCHASTIC) {
      noise_a = rounding_noise(words[0], i);
      noise_b = rounding_noise(words[1], i);
    }
    // As integers, magnitudes are in order, and NaN is above infinity above all numbers.
    const int32_t largest = max_lanes_int(maximum_int(as_int(a) & ~TJ_SIGN, as_int(b) & ~TJ_SIGN));
    const int is_broken = largest >= 0x7f800000;
    const int32_t byte = is_broken ? 255 : scale_byte((vint)largest, quantizer)[0];
    const vfloat reciprocal = scale_reciprocal((vint)byte);
    const vint broken = (vint)-is_broken;
    broken_groups += (size_t)is_broken;
    const size_t lane = (row + i) % TJ_LANES;
    store_lane(codes, lane, encode_lanes(a, ema_a, noise_a, reciprocal, broken, format, rounding),
               encode_lanes(b, ema_b, noise_b, reciprocal, broken, format, rounding));
    scales[lane] = (uint8_t)byte;
  }
  return broken_groups;
}

TJ_INLINE size_t pack_rows_as(const float *x, const float *ema, size_t rows, size_t columns, size_t first_row,
                              const tj_quantizer *quantizer, uint8_t *codes, uint8_t *scales,
                              const int format, const int rounding) {
  const size_t groups = groups_of(columns);
  size_t broken_groups = 0;
  for (size_t block = 0; block < rows; block += 8) {
    const size_t count = rows - block < 8 ? rows - block : 8, row = first_row + block;
    for (size_t group = 0; group < groups; group++) {
      const size_t column = group * TJ_GROUP, at = row / TJ_LANES * groups + group;
      const size_t from = block * columns + column, length = columns - column;
      for (size_t i = 0; i < count; i++) {
        __builtin_prefetch(x + from + i * columns + TJ_AHEAD);
        __builtin_prefetch(x + from + i * columns + TJ_AHEAD + 16);
      }
      const float *average = rounding == TJ_EMA ? ema + from : NULL;
      // The whole block as constants is straight code.
      if (count == 8 && length >= TJ_GROUP)
        broken_groups += pack_row_groups(x + from, average, columns, 8, TJ_GROUP, row, column, quantizer,
                                         codes + at * TJ_BLOCK, scales + at * TJ_LANES, format, rounding);
      else
        broken_groups += pack_row_groups(x + from, average, columns, count,
                                         length < TJ_GROUP ? length : TJ_GROUP, row, column, quantizer,
                                         codes + at * TJ_BLOCK, scales + at * TJ_LANES, format, rounding);
    }
  }
  if (rows % TJ_LANES) {
    const size_t at = (first_row + rows) / TJ_LANES * groups;
    clear_lanes((first_row + rows) % TJ_LANES, groups, codes + at * TJ_BLOCK, scales + at * TJ_LANES);
  }
  return broken_groups;
}

/// One group of up to 16 neighbouring columns: `rows` <= 32 rows of x, `stride` apart. `row` and `column`
/// are x's place in the whole matrix, for the random bits. Lanes beyond `lanes` become zeros.
TJ_INLINE size_t pack_column_group(const float *x, const float *ema, size_t stride, size_t rows, size_t lanes,
                                   size_t row, size_t column, const tj_quantizer *quantizer, uint8_t *codes,
                                   uint8_t *scales, const int format, const int rounding) {
  vint largest = (vint)0;
  for (size_t i = 0; i < rows; i++)
    largest = maximum_int(as_int(load_some(x + i * stride, lanes)) & ~TJ_SIGN, largest);
  const vint broken = largest >= 0x7f800000;
  const vint byte = choose_int(broken, (vint)255, scale_byte(largest, quantizer));
  const vfloat reciprocal = scale_reciprocal(byte);
  const vbyte16 bytes = __builtin_convertvector(byte, vbyte16);
  memcpy(scales, &bytes, sizeof bytes);
  for (size_t t = 0; t < 4; t++) {
    vuint packed = (vuint)0, words[4];
    const size_t end = rows < 8 * t ? 0 : rows - 8 * t < 8 ? rows - 8 * t : 8;
    if (rounding == TJ_STOCHASTIC && end > 0)
      philox((uint32_t)column, (uint32_t)(row / 8 + t), quantizer, words);
    for (size_t i = 0; i < end; i++) {
      const size_t at = (8 * t + i) * stride;
      vfloat average = splat(0);
      vint noise = (vint)0;
      if (rounding == TJ_EMA) average = load_some(ema + at, lanes);
      if (rounding == TJ_STOCHASTIC) noise = rounding_noise(words, i);
      packed |= encode_lanes(load_some(x + at, lanes), average, noise, reciprocal, broken, format, rounding)
                << (uint32_t)(i % 4 * 8 + i / 4 * 4);
    }
    memcpy(codes + t * 64, &packed, sizeof packed);
  }
  return (size_t)-__builtin_reduce_add(broken);
}

TJ_INLINE size_t pack_columns_as(const float *x, const float *ema, size_t rows, size_t columns,
                                 size_t first_row, size_t groups, const tj_quantizer *quantizer,
                                 uint8_t *codes, uint8_t *scales, const int format, const int rounding) {
  size_t broken_groups = 0;
  for (size_t start = 0; start < rows; start += TJ_GROUP) {
    const size_t count = rows - start < TJ_GROUP ? rows - start : TJ_GROUP;
    for (size_t column = 0; column < columns; column += TJ_LANES) {
      const size_t from = start * columns + column, lanes = columns - column;
      const size_t at = column / TJ_LANES * groups + (first_row + start) / TJ_GROUP;
      for (size_t i = 0; i < count; i++) __builtin_prefetch(x + from + i * columns + TJ_AHEAD);
      const float *average = rounding == TJ_EMA ? ema + from : NULL;
      // The whole block as constants is straight code.
      if (lanes >= TJ_LANES && count == TJ_GROUP)
        broken_groups +=
            pack_column_group(x + from, average, columns, TJ_GROUP, TJ_LANES, first_row + start, column,
                              quantizer, codes + at * TJ_BLOCK, scales + at * TJ_LANES, format, rounding);
      else
        broken_groups += pack_column_group(
            x + from, average, columns, count, lanes < TJ_LANES ? lanes : TJ_LANES, first_row + start, column,
            quantizer, codes + at * TJ_BLOCK, scales + at * TJ_LANES, format, rounding);
    }
  }
  return broken_groups;
}

// Requantization: a matrix packed along its rows, read as values and quantized along its columns.

/// Magnitudes of the 16 codes in units of the format's smallest step.
static const uint8_t unit_magnitudes[2][8] = {{0, 1, 2, 3, 4, 6, 8, 12}, {0, 1, 2, 4, 8, 16, 32, 64}};

/// The exponent of the format's smallest step.
TJ_INLINE int32_t step_exponent(int format) { return format == TJ_E2M1 ? -1 : -2; }

/// 2^(byte - 127 + step): a group's scale times the format's smallest step, exact, or NaN.
TJ_INLINE vfloat unit_of(vint byte, int32_t step) {
  const vint exponent = byte + step;
  vint bits = choose_int(exponent > 0, exponent << 23, (vint)0x400000 >> -minimum_int(exponent, (vint)0));
  return as_float(choose_int(byte == 255, (vint)0x7fc00000, bits));
}

/// The values of one block of 16 lanes x 32 elements, row-major.
TJ_INLINE void decode_block(const uint8_t *codes, const uint8_t *scales, int format,
                            float values[TJ_LANES][TJ_GROUP]) {
  // The sign moves to bit 7, so that -0 keeps it.
  uint8_t table[16];
  for (size_t code = 0; code < 16; code++)
    table[code] = (uint8_t)(unit_magnitudes[format][code & 7] | (code & 8) << 4);
  uint32_t steps[8][TJ_LANES];
  for (size_t t = 0; t < 4; t++) {
    vbytes packed;
    memcpy(&packed, codes + t * 64, sizeof packed);
    const vbytes low = lookup_bytes(table, packed & 15), high = lookup_bytes(table, packed >> 4);
    memcpy(steps[2 * t], &low, sizeof low);
    memcpy(steps[2 * t + 1], &high, sizeof high);
  }
  for (size_t lane = 0; lane < TJ_LANES; lane++) {
    const vfloat unit = unit_of((vint)(int32_t)scales[lane], step_exponent(format));
    for (size_t half = 0; half < 2; half++) {
      const vword4 words = {steps[4 * half][lane], steps[4 * half + 1][lane], steps[4 * half + 2][lane],
                            steps[4 * half + 3][lane]};
      const vint wide = __builtin_convertvector((vbyte16)words, vint);
      const vfloat magnitude = __builtin_convertvector(wide & 0x7f, vfloat) * unit;
      store(values[lane] + 16 * half, as_float(as_int(magnitude) | ((wide & 0x80) << 24)));
    }
  }
}

TJ_INLINE size_t repack_columns_as(const uint8_t *codes, const uint8_t *scales, int source_format,
                                   size_t rows, size_t columns, size_t first_row, size_t groups,
                                   const tj_quantizer *quantizer, uint8_t *out_codes, uint8_t *out_scales,
                                   const int format, const int rounding) {
  size_t broken_groups = 0;
  const size_t source_groups = groups_of(columns);
  for (size_t start = 0; start < rows; start += TJ_GROUP) {
    const size_t count = rows - start < TJ_GROUP ? rows - start : TJ_GROUP;
    const size_t panel = (first_row + start) / TJ_LANES;
    for (size_t group = 0; group < source_groups; group++) {
      float values[TJ_GROUP][TJ_GROUP];
      for (size_t half = 0; half * TJ_LANES < count; half++) {
        const size_t from = (panel + half) * source_groups + group;
        decode_block(codes + from * TJ_BLOCK, scales + from * TJ_LANES, source_format,
                     values + half * TJ_LANES);
      }
      const size_t column = group * TJ_GROUP;
      for (size_t half = 0; half < 2 && column + half * TJ_LANES < columns; half++) {
        const size_t place = column + half * TJ_LANES, lanes = columns - place;
        const size_t at = place / TJ_LANES * groups + (first_row + start) / TJ_GROUP;
        const float *source = values[0] + half * TJ_LANES;
        uint8_t *to_codes = out_codes + at * TJ_BLOCK, *to_scales = out_scales + at * TJ_LANES;
        // A NaN scale reaches the elements beyond the matrix too: the last lanes need their bound.
        if (lanes >= TJ_LANES && count == TJ_GROUP)
          broken_groups += pack_column_group(source, NULL, TJ_GROUP, TJ_GROUP, TJ_LANES, first_row + start,
                                             place, quantizer, to_codes, to_scales, format, rounding);
        else
          broken_groups +=
              pack_column_group(source, NULL, TJ_GROUP, count, lanes < TJ_LANES ? lanes : TJ_LANES,
                                first_row + start, place, quantizer, to_codes, to_scales, format, rounding);
      }
    }
  }
  return broken_groups;
}

static size_t pack_rows(const float *x, const float *ema, size_t rows, size_t columns, size_t first_row,
                        const tj_quantizer *quantizer, uint8_t *codes, uint8_t *scales) {
  TJ_SPECIALIZE(pack_rows_as, x, ema, rows, columns, first_row, quantizer, codes, scales)
}

static size_t pack_columns(const float *x, const float *ema, size_t rows, size_t columns, size_t first_row,
                           size_t groups, const tj_quantizer *quantizer, uint8_t *codes, uint8_t *scales) {
  TJ_SPECIALIZE(pack_columns_as, x, ema, rows, columns, first_row, groups, quantizer, codes, scales)
}

static size_t repack_columns(const uint8_t *codes, const uint8_t *scales, int32_t source_format, size_t rows,
                             size_t columns, size_t first_row, size_t groups, const tj_quantizer *quantizer,
                             uint8_t *out_codes, uint8_t *out_scales) {
  TJ_SPECIALIZE(repack_columns_as, codes, scales, source_format, rows, columns, first_row, groups, quantizer,
                out_codes, out_scales)
}

/// values [rows, columns] of a matrix packed along its rows.
static void unpack_rows(const uint8_t *codes, const uint8_t *scales, int32_t format, size_t rows,
                        size_t columns, size_t first_row, float *values) {
  const size_t groups = groups_of(columns);
  for (size_t start = 0; start < rows; start += TJ_LANES) {
    const size_t lanes = rows - start < TJ_LANES ? rows - start : TJ_LANES;
    for (size_t group = 0; group < groups; group++) {
      const size_t from = (first_row + start) / TJ_LANES * groups + group;
      const size_t column = group * TJ_GROUP;
      const size_t length = columns - column < TJ_GROUP ? columns - column : TJ_GROUP;
      float block[TJ_LANES][TJ_GROUP];
      decode_block(codes + from * TJ_BLOCK, scales + from * TJ_LANES, format, block);
      for (size_t lane = 0; lane < lanes; lane++)
        memcpy(values + (start + lane) * columns + column, block[lane], length * sizeof(float));
    }
  }
}

#endif
