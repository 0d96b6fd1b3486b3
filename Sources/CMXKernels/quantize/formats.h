// The number formats that kernels know: a row each. MXFormats' BlockFormat is the definition; a format of its list
// without a row here has no kernels.
#ifndef TJ_FORMATS_H
#define TJ_FORMATS_H

#include "CMXKernels.h"
#include "vector/vector.h"

/// Elements of a lane in a block: a group, or two.
enum { TJ_BLOCK_LENGTH = 32 };
enum { TJ_E2M1, TJ_E3M0, TJ_INT4, TJ_E2M3, TJ_NVFP4, TJ_E3M2, TJ_E4M3, TJ_E5M2, TJ_NVFP4_RUNS };

static const tj_format formats[] = {
    [TJ_E2M1] = {.exponent_bits = 2, .mantissa_bits = 1, .bias = 1, .largest_code = 7, .group = 32},
    [TJ_E3M0] = {.exponent_bits = 3, .mantissa_bits = 0, .bias = 3, .largest_code = 7, .group = 32},
    // Both binades have the same step.
    [TJ_INT4] =
        {.exponent_bits = 1, .mantissa_bits = 2, .bias = -1, .largest_code = 7, .group = 32, .scale = TJ_ONE},
    [TJ_E2M3] = {.exponent_bits = 2, .mantissa_bits = 3, .bias = 1, .largest_code = 31, .group = 32},
    [TJ_NVFP4] = {.exponent_bits = 2,
                  .mantissa_bits = 1,
                  .bias = 1,
                  .largest_code = 7,
                  .group = 16,
                  .scale = TJ_NUMBER},
    [TJ_NVFP4_RUNS] = {.exponent_bits = 2,
                       .mantissa_bits = 1,
                       .bias = 1,
                       .largest_code = 7,
                       .group = 16,
                       .scale = TJ_NUMBER,
                       .run = 128},
    [TJ_E3M2] = {.exponent_bits = 3, .mantissa_bits = 2, .bias = 3, .largest_code = 31, .group = 32},
    [TJ_E4M3] = {.exponent_bits = 4, .mantissa_bits = 3, .bias = 7, .largest_code = 126, .group = 32},
    [TJ_E5M2] = {.exponent_bits = 5, .mantissa_bits = 2, .bias = 15, .largest_code = 123, .group = 32},
};

// What follows from a row is a constant where the format is one.

/// Bits of a magnitude's code: 3, 5 or 7. The sign is the bit above them.
TJ_INLINE int magnitude_bits_of(int format) {
  return formats[format].exponent_bits + formats[format].mantissa_bits;
}

/// Whether codes take a byte each in packed matrices, and not half a byte.
TJ_INLINE int is_wide(int format) { return magnitude_bits_of(format) > 3; }

/// The biased exponent of the smallest magnitude with a leading one; below it the steps stay as they are.
TJ_INLINE int lowest_exponent(int format) { return 127 + 1 - formats[format].bias; }

/// The biased exponent of the largest magnitude.
TJ_INLINE int highest_exponent(int format) {
  return lowest_exponent(format) + (formats[format].largest_code >> formats[format].mantissa_bits) - 1;
}

/// The exponent of the smallest step: every value is an integer times 2 to it.
TJ_INLINE int step_exponent(int format) {
  return lowest_exponent(format) - 127 - formats[format].mantissa_bits;
}

/// The magnitude of a code in those steps, of a format that is packed.
TJ_INLINE int steps_of_code(int code, int format) {
  const int mantissa = formats[format].mantissa_bits, binade = code >> mantissa;
  const int fraction = code & ((1 << mantissa) - 1);
  return binade == 0 ? fraction : (fraction | 1 << mantissa) << (binade - 1);
}

/// The largest magnitude in those steps.
TJ_INLINE int largest_steps(int format) { return steps_of_code(formats[format].largest_code, format); }

/// The largest magnitude.
TJ_INLINE float largest_magnitude(int format) {
  const int mantissa = formats[format].mantissa_bits;
  const int bits = (formats[format].largest_code << (23 - mantissa)) + ((lowest_exponent(format) - 1) << 23);
  return as_float((vint)bits)[0];
}

/// Groups of a lane in a block: one, or two halves.
TJ_INLINE size_t groups_of(int format) { return TJ_BLOCK_LENGTH / (size_t)formats[format].group; }

TJ_INLINE size_t blocks_of(size_t length) { return (length + TJ_BLOCK_LENGTH - 1) / TJ_BLOCK_LENGTH; }
TJ_INLINE size_t panels_of(size_t lanes) { return (lanes + TJ_LANES - 1) / TJ_LANES; }

// The rounding becomes a constant, and with it the formats that training is made of where they are packed, and MXFP4 where
// they are not: each of the loops is straight code. All other formats share one.
#define TJ_BY_ROUNDING(format, function, ...)                                                                \
  switch (quantizer->rounding) {                                                                             \
  case TJ_NEAREST_EVEN: return function(__VA_ARGS__, format, TJ_NEAREST_EVEN);                               \
  case TJ_NEAREST_AWAY: return function(__VA_ARGS__, format, TJ_NEAREST_AWAY);                               \
  case TJ_STOCHASTIC: return function(__VA_ARGS__, format, TJ_STOCHASTIC);                                   \
  default: return function(__VA_ARGS__, format, TJ_EMA);                                                     \
  }
#define TJ_FOR_CODES(function, ...)                                                                          \
  switch (quantizer->format) {                                                                               \
  case TJ_E2M1: TJ_BY_ROUNDING(TJ_E2M1, function, __VA_ARGS__)                                               \
  case TJ_E2M3: TJ_BY_ROUNDING(TJ_E2M3, function, __VA_ARGS__)                                               \
  case TJ_NVFP4: TJ_BY_ROUNDING(TJ_NVFP4, function, __VA_ARGS__)                                             \
  case TJ_NVFP4_RUNS: TJ_BY_ROUNDING(TJ_NVFP4_RUNS, function, __VA_ARGS__)                                   \
  default: TJ_BY_ROUNDING(quantizer->format, function, __VA_ARGS__)                                          \
  }
#define TJ_FOR_VALUES(function, ...)                                                                         \
  switch (quantizer->format) {                                                                               \
  case TJ_E2M1: TJ_BY_ROUNDING(TJ_E2M1, function, __VA_ARGS__)                                               \
  default: TJ_BY_ROUNDING(quantizer->format, function, __VA_ARGS__)                                          \
  }

#endif
