// Products with sums in single precision. Every sum runs over its index in ascending order, or pair by pair of it (bfloat16.h),
// whatever the blocks and tiles.
#ifndef TJ_FLOATS_H
#define TJ_FLOATS_H

#include "CMXKernels.h"
#include "vector/vector.h"

#ifndef TJ_PACKS_PAIRS
  #define TJ_PACKS_PAIRS 0
#endif

/// How the terms of a sum lie, and in which order they join it.
enum {
  TJ_ASCENDING, // one after another
  TJ_ODD_FIRST, // pairs of them, in each the odd one first
  TJ_PACKED,    // the same, and the pair in one place, for sets that have `add_pairs`
};

/// sum += the terms in one place.
TJ_INLINE vfloat add_place(vfloat left, vfloat right, vfloat sum, const int order) {
#if TJ_PACKS_PAIRS
  if (order == TJ_PACKED) return add_pairs(left, right, sum);
#else
  (void)order;
#endif
  return multiply_add(left, right, sum);
}

/// Every sum of a tile += the terms in one place of its row, times those in its column.
TJ_INLINE void add_outer_product(vfloat sum[TJ_FLOAT_ROWS][TJ_FLOAT_VECTORS],
                                 const float *source[TJ_FLOAT_ROWS], size_t place, const float *b,
                                 const int vectors, const int order) {
  vfloat right[TJ_FLOAT_VECTORS];
  for (int j = 0; j < vectors; j++) right[j] = load(b + TJ_LANES * j);
  for (size_t i = 0; i < TJ_FLOAT_ROWS; i++) {
    const vfloat left = splat(source[i][place]);
    for (int j = 0; j < vectors; j++) sum[i][j] = add_place(left, right[j], sum[i][j], order);
  }
}

/// c [rows, 16 vectors] (+)= a b over `depth` places. Element (i, k) of a is a[i a_row + k a_step].
TJ_INLINE void float_tile(const float *a, size_t a_row, size_t a_step, const float *b, size_t b_row, float *c,
                          size_t c_row, size_t depth, size_t rows, int resumes, const int vectors,
                          const int order) {
  vfloat sum[TJ_FLOAT_ROWS][TJ_FLOAT_VECTORS];
  // Rows that the tile has beyond the matrix compute the last one again.
  const float *source[TJ_FLOAT_ROWS];
  for (size_t i = 0; i < TJ_FLOAT_ROWS; i++) {
    const size_t row = i < rows ? i : rows - 1;
    source[i] = a + row * a_row;
    for (int j = 0; j < vectors; j++) sum[i][j] = resumes ? load(c + row * c_row + TJ_LANES * j) : splat(0);
  }
  size_t k = 0;
  if (order == TJ_ODD_FIRST)
    for (; k + 1 < depth; k += 2, b += 2 * b_row) {
      add_outer_product(sum, source, (k + 1) * a_step, b + b_row, vectors, order);
      add_outer_product(sum, source, k * a_step, b, vectors, order);
    }
  // An odd term that is not there is a zero, which changes no sum.
  for (; k < depth; k++, b += b_row) add_outer_product(sum, source, k * a_step, b, vectors, order);
  for (size_t i = 0; i < TJ_FLOAT_ROWS && i < rows; i++)
    for (int j = 0; j < vectors; j++) store(c + i * c_row + TJ_LANES * j, sum[i][j]);
}

/// c [m, n] (+)= a b over `depth` places, n whole vectors. Element (i, k) of a is a[i a_row + k a_step].
TJ_INLINE void float_product(const float *a, size_t a_row, size_t a_step, const float *b, size_t b_row,
                             float *c, size_t c_row, size_t m, size_t n, size_t depth, int resumes,
                             const int order) {
  // A chunk of b's rows is used by all of a's while it is in the cache. It has whole pairs.
  const size_t chunk = 256;
  for (size_t first = 0; first < depth; first += chunk) {
    const size_t terms = depth - first < chunk ? depth - first : chunk;
    const int goes_on = resumes || first > 0;
    for (size_t j = 0; j < n;) {
      const float *right = b + first * b_row + j;
      const size_t left_over = (n - j) / TJ_LANES;
      const size_t vectors = left_over < TJ_FLOAT_VECTORS ? left_over : TJ_FLOAT_VECTORS;
      for (size_t i = 0; i < m; i += TJ_FLOAT_ROWS) {
        const float *left = a + i * a_row + first * a_step;
        float *out = c + i * c_row + j;
        // The number of vectors becomes a constant of each tile.
        switch (vectors) {
#if TJ_FLOAT_VECTORS >= 4
        case 4:
          float_tile(left, a_row, a_step, right, b_row, out, c_row, terms, m - i, goes_on, 4, order);
          break;
        case 3:
          float_tile(left, a_row, a_step, right, b_row, out, c_row, terms, m - i, goes_on, 3, order);
          break;
        case 2:
          float_tile(left, a_row, a_step, right, b_row, out, c_row, terms, m - i, goes_on, 2, order);
          break;
#endif
        default: float_tile(left, a_row, a_step, right, b_row, out, c_row, terms, m - i, goes_on, 1, order);
        }
      }
      j += vectors * TJ_LANES;
    }
  }
}

/// The multiplications and additions of the tile alone, on registers.
static double float_peak(size_t iterations) {
  enum { CHAINS = TJ_FLOAT_ROWS * TJ_FLOAT_VECTORS };
  volatile float factor = 0.5f, sink;
  const vfloat a = splat(factor);
  vfloat sum[CHAINS];
  for (int i = 0; i < CHAINS; i++) sum[i] = splat((float)i);
  for (size_t n = 0; n < iterations; n++)
    for (int i = 0; i < CHAINS; i++) sum[i] = multiply_add(sum[i], a, a);
  for (int i = 1; i < CHAINS; i++) sum[0] += sum[i];
  sink = sum[0][0];
  (void)sink;
  return 2.0 * TJ_LANES * CHAINS * (double)iterations;
}

/// The transpose of 16 x 16 numbers: four times, the rows of the lower half are interleaved with those of
/// the upper one.
TJ_INLINE void transpose_square(vfloat square[TJ_LANES]) {
  for (int round = 0; round < 4; round++) {
    vfloat next[TJ_LANES];
    for (int i = 0; i < TJ_LANES / 2; i++) {
      const vfloat a = square[i], b = square[i + TJ_LANES / 2];
      next[2 * i] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      next[2 * i + 1] =
          __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    memcpy(square, next, sizeof next);
  }
}

TJ_INLINE size_t padded_to_lanes(size_t n) { return (n + TJ_LANES - 1) / TJ_LANES * TJ_LANES; }

#endif
