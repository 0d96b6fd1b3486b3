// The layout of packed matrices: panels of 16 lanes, a block of codes and 16 scale bytes a group (CMXKernels.h).
#ifndef TJ_BLOCKS_H
#define TJ_BLOCKS_H

#include "quantize/formats.h"

typedef uint8_t vbyte16 __attribute__((ext_vector_type(16)));
typedef uint32_t vword4 __attribute__((ext_vector_type(4)));
typedef uint64_t veight __attribute__((ext_vector_type(4)));

/// Bytes of a block's codes.
enum { TJ_BLOCK = TJ_LANES * TJ_GROUP / 2 };

/// The scale byte of a group with a NaN or an infinity.
enum { TJ_NAN_SCALE = 255 };

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

/// Lanes that the last panel has beyond the matrix: code 0, scale byte 0.
static void clear_lanes(size_t first, size_t groups, uint8_t *codes, uint8_t *scales) {
  const uint32_t zero = 0;
  for (size_t group = 0; group < groups; group++)
    for (size_t lane = first; lane < TJ_LANES; lane++) {
      for (size_t t = 0; t < 4; t++) memcpy(codes + group * TJ_BLOCK + t * 64 + lane * 4, &zero, 4);
      scales[group * TJ_LANES + lane] = 0;
    }
}

/// 2^(byte - 127 + step): a group's scale times the format's smallest step, exact, or NaN.
TJ_INLINE vfloat unit_of(vint byte, int32_t step) {
  const vint exponent = byte + step;
  vint bits = choose_int(exponent > 0, exponent << 23, (vint)0x400000 >> -minimum_int(exponent, (vint)0));
  return as_float(choose_int(byte == TJ_NAN_SCALE, (vint)0x7fc00000, bits));
}

/// The values of one block of 16 lanes x 32 elements, row-major.
TJ_INLINE void decode_block(const uint8_t *codes, const uint8_t *scales, int format,
                            float values[TJ_LANES][TJ_GROUP]) {
  // The sign moves to bit 7, so that -0 keeps it.
  uint8_t table[16];
  for (size_t code = 0; code < 16; code++)
    table[code] = (uint8_t)(formats[format].steps[code & 7] | (code & 8) << 4);
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

/// The values of some rows of a matrix packed along its rows.
static void dequantize_rows(const tj_packed *source, float *values) {
  const size_t rows = source->rows, columns = source->columns, groups = groups_of(columns);
  for (size_t start = 0; start < rows; start += TJ_LANES) {
    const size_t lanes = rows - start < TJ_LANES ? rows - start : TJ_LANES;
    for (size_t group = 0; group < groups; group++) {
      const size_t from = (source->first_row + start) / TJ_LANES * groups + group;
      const size_t column = group * TJ_GROUP;
      const size_t length = columns - column < TJ_GROUP ? columns - column : TJ_GROUP;
      float block[TJ_LANES][TJ_GROUP];
      decode_block(source->codes + from * TJ_BLOCK, source->scales + from * TJ_LANES, source->format, block);
      for (size_t lane = 0; lane < lanes; lane++)
        memcpy(values + (start + lane) * columns + column, block[lane], length * sizeof(float));
    }
  }
}

#endif
