// Groups of 32 numbers times Sylvester's Hadamard matrix over the root of 32, which is its own inverse: sums and differences
// of neighbours first, then of pairs, and so on.
#ifndef TJ_ROTATION_H
#define TJ_ROTATION_H

#include "formats.h"

/// 1 / sqrt(32), as single precision divides.
static const float rotation_norm = 0x1.6a09e6p-3f;

/// Numbers and their partners: the sum in lanes of the first of two, the difference from the first in those of the second.
TJ_INLINE vfloat butterfly(vfloat x, vfloat partner, vint is_second) {
  return choose(is_second, partner - x, x + partner);
}

/// The lanes that lie `half` apart from each other, in each other's places.
#define TJ_PARTNERS(x, half)                                                                                 \
  __builtin_shufflevector(x, x, 0 ^ half, 1 ^ half, 2 ^ half, 3 ^ half, 4 ^ half, 5 ^ half, 6 ^ half,        \
                          7 ^ half, 8 ^ half, 9 ^ half, 10 ^ half, 11 ^ half, 12 ^ half, 13 ^ half,          \
                          14 ^ half, 15 ^ half)

/// The group in the lanes of a, and then of b.
TJ_INLINE void rotate_lanes(vfloat *a, vfloat *b) {
  const vint lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  vfloat x[2] = {*a, *b};
  for (int i = 0; i < 2; i++) {
    x[i] = butterfly(x[i], TJ_PARTNERS(x[i], 1), (lane & 1) != 0);
    x[i] = butterfly(x[i], TJ_PARTNERS(x[i], 2), (lane & 2) != 0);
    x[i] = butterfly(x[i], TJ_PARTNERS(x[i], 4), (lane & 4) != 0);
    x[i] = butterfly(x[i], TJ_PARTNERS(x[i], 8), (lane & 8) != 0);
  }
  *a = (x[0] + x[1]) * rotation_norm;
  *b = (x[0] - x[1]) * rotation_norm;
}

/// One group along rows in each of `rows` rows.
TJ_INLINE void rotate_row_groups(const float *x, size_t stride, size_t rows, float y[][TJ_BLOCK_LENGTH]) {
  for (size_t i = 0; i < rows; i++) {
    vfloat a = load(x + i * stride), b = load(x + i * stride + TJ_LANES);
    rotate_lanes(&a, &b);
    store(y[i], a);
    store(y[i] + TJ_LANES, b);
  }
}

/// One group along columns in each of `lanes` <= 16 neighbouring columns.
TJ_INLINE void rotate_column_groups(const float *x, size_t stride, size_t lanes, float y[][TJ_LANES]) {
  vfloat v[TJ_BLOCK_LENGTH];
  for (size_t i = 0; i < TJ_BLOCK_LENGTH; i++) v[i] = load_some(x + i * stride, lanes);
  for (size_t half = 1; half < TJ_BLOCK_LENGTH; half *= 2)
    for (size_t block = 0; block < TJ_BLOCK_LENGTH; block += 2 * half)
      for (size_t i = block; i < block + half; i++) {
        const vfloat a = v[i], b = v[i + half];
        v[i] = a + b;
        v[i + half] = a - b;
      }
  for (size_t i = 0; i < TJ_BLOCK_LENGTH; i++) store(y[i], v[i] * rotation_norm);
}

/// y (+)= x, whose whole groups along rows are rotated.
static void rotate_rows(const float *x, float *y, size_t rows, size_t columns, int32_t adds) {
  const size_t whole = columns / TJ_BLOCK_LENGTH * TJ_BLOCK_LENGTH;
  for (size_t row = 0; row < rows; row++) {
    const float *from = x + row * columns;
    float *to = y + row * columns;
    for (size_t column = 0; column < whole; column += TJ_BLOCK_LENGTH) {
      vfloat a = load(from + column), b = load(from + column + TJ_LANES);
      rotate_lanes(&a, &b);
      if (adds) a = load(to + column) + a, b = load(to + column + TJ_LANES) + b;
      store(to + column, a);
      store(to + column + TJ_LANES, b);
    }
    for (size_t column = whole; column < columns; column += TJ_LANES) {
      const size_t lanes = lanes_from(column, columns);
      const vfloat a = load_some(from + column, lanes);
      store_some(to + column, adds ? load_some(to + column, lanes) + a : a, lanes);
    }
  }
}

#endif
