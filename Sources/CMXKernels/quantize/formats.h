// The number formats that kernels know: a row each. MXFormats' BlockFormat is the definition; a format of its list
// without a row here has no kernels.
#ifndef TJ_FORMATS_H
#define TJ_FORMATS_H

#include "CMXKernels.h"
#include "vector/vector.h"

/// Elements of a group, of every format.
enum { TJ_GROUP = 32 };
enum { TJ_E2M1, TJ_E3M0, TJ_INT4 };

static const tj_format formats[] = {
    [TJ_E2M1] = {.exponent_bits = 2,
                 .mantissa_bits = 1,
                 .bias = 1,
                 .group = TJ_GROUP,
                 .steps = {0, 1, 2, 3, 4, 6, 8, 12}},
    [TJ_E3M0] = {.exponent_bits = 3,
                 .mantissa_bits = 0,
                 .bias = 3,
                 .group = TJ_GROUP,
                 .steps = {0, 1, 2, 4, 8, 16, 32, 64}},
    // Both binades have the same step.
    [TJ_INT4] = {.exponent_bits = 1,
                 .mantissa_bits = 2,
                 .bias = -1,
                 .group = TJ_GROUP,
                 .has_no_scales = 1,
                 .steps = {0, 1, 2, 3, 4, 5, 6, 7}},
};

// What follows from a row is a constant where the format is one.

/// The biased exponent of the smallest magnitude with a leading one; below it the steps stay as they are.
TJ_INLINE int lowest_exponent(int format) { return 127 + 1 - formats[format].bias; }

/// The biased exponent of the largest magnitude.
TJ_INLINE int highest_exponent(int format) {
  return lowest_exponent(format) + (1 << formats[format].exponent_bits) - 2;
}

/// The exponent of the smallest step: every value is an integer times 2 to it.
TJ_INLINE int step_exponent(int format) {
  return lowest_exponent(format) - 127 - formats[format].mantissa_bits;
}

/// The largest magnitude in those steps.
TJ_INLINE int largest_steps(int format) { return formats[format].steps[7]; }

/// The largest magnitude.
TJ_INLINE float largest_magnitude(int format) {
  return (float)largest_steps(format) * as_float((vint)((127 + step_exponent(format)) << 23))[0];
}

TJ_INLINE size_t groups_of(size_t length) { return (length + TJ_GROUP - 1) / TJ_GROUP; }
TJ_INLINE size_t panels_of(size_t lanes) { return (lanes + TJ_LANES - 1) / TJ_LANES; }

// The format and the rounding become constants, so that each of the loops is straight code.
#define TJ_BY_ROUNDING(format, function, ...)                                                                \
  switch (quantizer->rounding) {                                                                             \
  case TJ_NEAREST_EVEN: return function(__VA_ARGS__, format, TJ_NEAREST_EVEN);                               \
  case TJ_NEAREST_AWAY: return function(__VA_ARGS__, format, TJ_NEAREST_AWAY);                               \
  case TJ_STOCHASTIC: return function(__VA_ARGS__, format, TJ_STOCHASTIC);                                   \
  default: return function(__VA_ARGS__, format, TJ_EMA);                                                     \
  }
#define TJ_SPECIALIZE(function, ...)                                                                         \
  switch (quantizer->format) {                                                                               \
  case TJ_E2M1: TJ_BY_ROUNDING(TJ_E2M1, function, __VA_ARGS__)                                               \
  case TJ_INT4: TJ_BY_ROUNDING(TJ_INT4, function, __VA_ARGS__)                                               \
  default: TJ_BY_ROUNDING(TJ_E3M0, function, __VA_ARGS__)                                                    \
  }

#endif
