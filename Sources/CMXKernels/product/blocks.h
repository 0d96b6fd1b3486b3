// The layout of packed matrices: panels of 16 lanes, blocks of codes, and 16 scale bytes a group (CMXKernels.h). Where runs
// have outer scales, a block has the 16 that it is under behind its scale bytes.
#ifndef TJ_BLOCKS_H
#define TJ_BLOCKS_H

#include "quantize/scales.h"

typedef uint8_t vbyte16 __attribute__((ext_vector_type(16)));
typedef uint32_t vword4 __attribute__((ext_vector_type(4)));
typedef uint64_t veight __attribute__((ext_vector_type(4)));

/// Bytes of a block's codes.
TJ_INLINE size_t block_bytes(int format) { return TJ_LANES * TJ_BLOCK_LENGTH / (is_wide(format) ? 1 : 2); }

/// Bytes of a block's scales.
TJ_INLINE size_t scale_bytes(int format) {
  return TJ_LANES * (groups_of(format) + (formats[format].run ? sizeof(float) : 0));
}

/// Where the scale bytes of a group of a panel are.
TJ_INLINE size_t scale_place(size_t group, int format) {
  return group / groups_of(format) * scale_bytes(format) + group % groups_of(format) * TJ_LANES;
}

/// Where the outer scales of a block's lanes are, from its scale bytes on.
TJ_INLINE size_t run_scale_place(int format) { return TJ_LANES * groups_of(format); }

/// Writes the 32 codes of each of eight lanes from a multiple of eight on into a block. `pairs` holds two lanes a vector:
/// in byte 2 i + h of vector lane e the code of element 16 h + e of the pair's lane i.
TJ_INLINE void store_lanes(uint8_t *block, size_t lane, const vuint pairs[4]) {
  vuint words[2];
  for (size_t four = 0; four < 2; four++) {
    const vuint a = pairs[2 * four], b = pairs[2 * four + 1];
    // Element 4 + b of each eight joins element b in one byte.
    const vuint low = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
    const vuint high =
        __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    const vbytes bytes = (vbytes)(low | high << 4);
    // In each quarter the bytes of a word come together: those of lane 0, of lane 1, and of both two eights further on.
    words[four] =
        (vuint)__builtin_shufflevector(bytes, bytes, 0, 4, 8, 12, 2, 6, 10, 14, 1, 5, 9, 13, 3, 7, 11, 15, //
                                       16, 20, 24, 28, 18, 22, 26, 30, 17, 21, 25, 29, 19, 23, 27, 31,     //
                                       32, 36, 40, 44, 34, 38, 42, 46, 33, 37, 41, 45, 35, 39, 43, 47,     //
                                       48, 52, 56, 60, 50, 54, 58, 62, 49, 53, 57, 61, 51, 55, 59, 63);
  }
  // Word t of every lane, in the order of the lanes.
  const vuint even =
      __builtin_shufflevector(words[0], words[1], 0, 1, 8, 9, 16, 17, 24, 25, 4, 5, 12, 13, 20, 21, 28, 29);
  const vuint odd =
      __builtin_shufflevector(words[0], words[1], 2, 3, 10, 11, 18, 19, 26, 27, 6, 7, 14, 15, 22, 23, 30, 31);
  memcpy(block + lane * 4, &even, 32);
  memcpy(block + 64 + lane * 4, (const uint8_t *)&even + 32, 32);
  memcpy(block + 128 + lane * 4, &odd, 32);
  memcpy(block + 192 + lane * 4, (const uint8_t *)&odd + 32, 32);
}

/// The same of one lane whose codes take a byte each: those of elements 0...15, and of 16...31.
TJ_INLINE void store_wide_lane(uint8_t *block, size_t lane, vuint first, vuint second) {
  const vword4 words[2] = {(vword4) __builtin_convertvector(first, vbyte16),
                           (vword4) __builtin_convertvector(second, vbyte16)};
  for (size_t t = 0; t < 8; t++) {
    const uint32_t word = words[t / 4][t % 4];
    memcpy(block + t * 64 + lane * 4, &word, sizeof word);
  }
}

/// Lanes that the last panel has beyond the matrix: code 0, scale byte 0.
static void clear_lanes(size_t first, size_t blocks, uint8_t *codes, uint8_t *scales, int format) {
  const uint32_t zero = 0;
  const float no_scale = 0;
  const size_t words = block_bytes(format) / 64, groups = blocks * groups_of(format);
  for (size_t lane = first; lane < TJ_LANES; lane++) {
    for (size_t t = 0; t < blocks * words; t++) memcpy(codes + t * 64 + lane * 4, &zero, 4);
    for (size_t group = 0; group < groups; group++) scales[scale_place(group, format) + lane] = 0;
    for (size_t block = 0; formats[format].run && block < blocks; block++)
      memcpy(scales + block * scale_bytes(format) + run_scale_place(format) + lane * sizeof no_scale,
             &no_scale, sizeof no_scale);
  }
}

/// What a byte stands for that is the code of an element: tables of its magnitudes' first sixteen, and of the others where it
/// is wide.
typedef struct {
  uint8_t low[16], high[16];
} byte_tables;

/// The magnitudes in steps, and `sign` where codes have their sign (which 16 entries have place for where they are not wide).
TJ_INLINE byte_tables magnitude_tables(int format, uint8_t sign) {
  byte_tables tables;
  for (int code = 0; code < 16; code++) {
    const int steps = steps_of_code(is_wide(format) ? code : code & 7, format);
    tables.low[code] = (uint8_t)(steps | (!is_wide(format) && code & 8 ? sign : 0));
    tables.high[code] = (uint8_t)(is_wide(format) ? steps_of_code(16 + code, format) : 0);
  }
  return tables;
}

/// The magnitudes of wide codes.
TJ_INLINE vbytes lookup_wide(const byte_tables *tables, vbytes codes) {
  const vbytes low = lookup_bytes(tables->low, codes & 15), high = lookup_bytes(tables->high, codes & 15);
  const vbytes is_high = (vbytes)((codes & 16) != 0);
  return (high & is_high) | (low & ~is_high);
}

/// All ones where wide codes have their sign.
TJ_INLINE vbytes wide_signs(vbytes codes) { return (vbytes)((codes & 32) != 0); }

/// The scale bytes of 16 lanes.
TJ_INLINE vint load_scales(const uint8_t *scales) {
  vbyte16 bytes;
  memcpy(&bytes, scales, sizeof bytes);
  return __builtin_convertvector(bytes, vint);
}

/// The scales of a group of a panel, or NaN, times 2 to some exponent, with the outer scales that runs have. They round in that
/// order: those of runs first.
TJ_INLINE vfloat group_unit(const uint8_t *scales, size_t group, vint byte, int32_t step, int format) {
  if (!formats[format].run) return unit_of(byte, step, format);
  vfloat outer;
  memcpy(&outer, scales + group / groups_of(format) * scale_bytes(format) + run_scale_place(format),
         sizeof outer);
  return unit_of(byte, 0, format) * outer * as_float((vint)((127 + step) << 23));
}

/// The values of a block of a packed matrix, 16 lanes x 32 elements, row-major.
TJ_INLINE void decode_block(const tj_packed *source, size_t block, float values[TJ_LANES][TJ_BLOCK_LENGTH]) {
  const int format = source->format;
  const uint8_t *codes = source->codes + block * block_bytes(format);
  // Scales that are no powers of two take the outer scale first, and then the value of the code: steps become values there.
  const int is_number = formats[format].scale == TJ_NUMBER;
  const float step = is_number ? as_float((vint)((127 + step_exponent(format)) << 23))[0] : 1;
  float units[2][TJ_LANES];
  for (size_t half = 0; half < 2; half++) {
    const size_t group = block * groups_of(format) + (groups_of(format) == 2 ? half : 0);
    const vint byte = load_scales(source->scales + scale_place(group, format));
    const vfloat unit =
        group_unit(source->scales, group, byte, is_number ? 0 : step_exponent(format), format);
    store(units[half], unit * source->outer_scale);
  }
  // The sign moves to bit 7, so that -0 keeps it.
  const byte_tables tables = magnitude_tables(format, 0x80);
  uint32_t steps[8][TJ_LANES];
  for (size_t t = 0; t < 4; t++) {
    vbytes packed, halves[2];
    if (is_wide(format)) {
      memcpy(halves, codes + t * sizeof halves, sizeof halves);
      for (size_t i = 0; i < 2; i++)
        halves[i] = lookup_wide(&tables, halves[i]) | (wide_signs(halves[i]) & 0x80);
    } else {
      memcpy(&packed, codes + t * sizeof packed, sizeof packed);
      halves[0] = lookup_bytes(tables.low, packed & 15);
      halves[1] = lookup_bytes(tables.low, packed >> 4);
    }
    memcpy(steps[2 * t], halves, sizeof halves);
  }
  for (size_t lane = 0; lane < TJ_LANES; lane++) {
    for (size_t half = 0; half < 2; half++) {
      const vword4 words = {steps[4 * half][lane], steps[4 * half + 1][lane], steps[4 * half + 2][lane],
                            steps[4 * half + 3][lane]};
      const vint wide = __builtin_convertvector((vbyte16)words, vint);
      const vfloat magnitude = __builtin_convertvector(wide & 0x7f, vfloat) * step * units[half][lane];
      store(values[lane] + 16 * half, as_float(as_int(magnitude) | ((wide & 0x80) << 24)));
    }
  }
}

/// The values of some rows of a matrix packed along its rows.
static void dequantize_rows(const tj_packed *source, float *values) {
  const size_t rows = source->rows, columns = source->columns, blocks = blocks_of(columns);
  for (size_t start = 0; start < rows; start += TJ_LANES) {
    const size_t lanes = rows - start < TJ_LANES ? rows - start : TJ_LANES;
    for (size_t number = 0; number < blocks; number++) {
      const size_t column = number * TJ_BLOCK_LENGTH;
      const size_t length = columns - column < TJ_BLOCK_LENGTH ? columns - column : TJ_BLOCK_LENGTH;
      float block[TJ_LANES][TJ_BLOCK_LENGTH];
      decode_block(source, (source->first_row + start) / TJ_LANES * blocks + number, block);
      for (size_t lane = 0; lane < lanes; lane++)
        memcpy(values + (start + lane) * columns + column, block[lane], length * sizeof(float));
    }
  }
}

#endif
