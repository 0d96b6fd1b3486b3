// Groups of 16 or 32 numbers times Sylvester's Hadamard matrix over the root of their number, which is its own inverse: sums and
// differences of neighbours first, then of pairs, and so on.
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

/// Sums and differences of a group in sixteen lanes.
TJ_INLINE vfloat turn_lanes(vfloat x) {
  const vint lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  x = butterfly(x, TJ_PARTNERS(x, 1), (lane & 1) != 0);
  x = butterfly(x, TJ_PARTNERS(x, 2), (lane & 2) != 0);
  x = butterfly(x, TJ_PARTNERS(x, 4), (lane & 4) != 0);
  return butterfly(x, TJ_PARTNERS(x, 8), (lane & 8) != 0);
}

/// The group in the lanes of a, and then of b.
TJ_INLINE void rotate_lanes(vfloat *a, vfloat *b) {
  const vfloat first = turn_lanes(*a), second = turn_lanes(*b);
  *a = (first + second) * rotation_norm;
  *b = (first - second) * rotation_norm;
}

/// x, of which lanes change their signs.
TJ_INLINE vfloat change_signs(vfloat x, uint32_t signs) {
  const vuint lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return as_float(as_int(x) ^ (vint)(((vuint)signs >> lane) << 31));
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
TJ_INLINE void turn_columns(const float *x, size_t stride, size_t lanes, uint32_t signs, vfloat v[],
                            const size_t length) {
  for (size_t i = 0; i < length; i++) {
    v[i] = load_some(x + i * stride, lanes);
    if (signs >> i & 1) v[i] = -v[i];
  }
  for (size_t half = 1; half < length; half *= 2)
    for (size_t block = 0; block < length; block += 2 * half)
      for (size_t i = block; i < block + half; i++) {
        const vfloat a = v[i], b = v[i + half];
        v[i] = a + b;
        v[i + half] = a - b;
      }
}

TJ_INLINE void rotate_column_groups(const float *x, size_t stride, size_t lanes, float y[][TJ_LANES]) {
  vfloat v[TJ_BLOCK_LENGTH];
  turn_columns(x, stride, lanes, 0, v, TJ_BLOCK_LENGTH);
  for (size_t i = 0; i < TJ_BLOCK_LENGTH; i++) store(y[i], v[i] * rotation_norm);
}

/// y (+)= x, whose whole groups along rows are rotated.
static void rotate_rows(const float *x, float *y, size_t rows, size_t columns, const tj_rotation *rotation,
                        int32_t adds) {
  const size_t length = (size_t)rotation->length, whole = columns / length * length;
  for (size_t row = 0; row < rows; row++) {
    const float *from = x + row * columns;
    float *to = y + row * columns;
    for (size_t column = 0; column < whole; column += length) {
      vfloat a = change_signs(load(from + column), rotation->signs), b = splat(0);
      if (length > TJ_LANES) {
        b = change_signs(load(from + column + TJ_LANES), rotation->signs >> TJ_LANES);
        rotate_lanes(&a, &b);
        if (adds) b = load(to + column + TJ_LANES) + b;
        store(to + column + TJ_LANES, b);
      } else {
        a = turn_lanes(a) * 0.25f;
      }
      store(to + column, adds ? load(to + column) + a : a);
    }
    for (size_t column = whole; column < columns; column += TJ_LANES) {
      const size_t lanes = lanes_from(column, columns);
      const vfloat a = load_some(from + column, lanes);
      store_some(to + column, adds ? load_some(to + column, lanes) + a : a, lanes);
    }
  }
}

TJ_INLINE void rotate_columns_as(const float *x, float *y, size_t rows, size_t columns, uint32_t signs,
                                 const size_t length, const float norm) {
  const size_t whole = rows / length * length;
  for (size_t row = 0; row < whole; row += length)
    for (size_t column = 0; column < columns; column += TJ_LANES) {
      const size_t at = row * columns + column, lanes = lanes_from(column, columns);
      vfloat v[TJ_BLOCK_LENGTH];
      turn_columns(x + at, columns, lanes, signs, v, length);
      for (size_t i = 0; i < length; i++) store_some(y + at + i * columns, v[i] * norm, lanes);
    }
  memmove(y + whole * columns, x + whole * columns, (rows - whole) * columns * sizeof *x);
}

/// y = x, whose whole groups along columns are rotated.
static void rotate_columns(const float *x, float *y, size_t rows, size_t columns,
                           const tj_rotation *rotation) {
  if (rotation->length > TJ_LANES)
    rotate_columns_as(x, y, rows, columns, rotation->signs, TJ_BLOCK_LENGTH, rotation_norm);
  else
    rotate_columns_as(x, y, rows, columns, rotation->signs, TJ_LANES, 0.25f);
}

#endif
