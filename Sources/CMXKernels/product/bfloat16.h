// Products of numbers in bfloat16 with sums in single precision, of matrices that are made ready in place; or the same in
// single precision, where they are ready as they are.
//
// A sum runs over the pairs of terms 2t and 2t + 1 in ascending order, in each the odd term first, and every term joins it
// with one rounding: fma(a_even, b_even, fma(a_odd, b_odd, sum)). That is what AVX-512's instruction for bfloat16 computes,
// and a multiplication with an addition at once does the same on numbers that are rounded before. Where the number of terms is odd, the
// last pair's odd one is zero.
#ifndef TJ_BFLOAT16_H
#define TJ_BFLOAT16_H

#include "product/floats.h"

/// What products are of.
enum { TJ_FP32, TJ_BF16 };

/// The nearest number in bfloat16, ties to even, infinity above the largest; magnitudes below 2^-56 become zero.
///
/// AVX-512's instruction takes subnormal numbers and sums for zero. Here it meets none: all numbers are multiples of 2^-63,
/// and so all sums of their products multiples of 2^-126, the smallest normal number.
TJ_INLINE vfloat to_bfloat16(vfloat x) {
  const vuint bits = (vuint)x;
  const vint rounded = (vint)((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000);
  const vint magnitude = as_int(x) & ~TJ_SIGN;
  const vint number = choose_int(magnitude > 0x7f800000, (vint)0x7fc00000, rounded);
  return as_float(number & (magnitude >= 0x23800000));
}

/// Two numbers in bfloat16 in the place of one, the even one in the lower half.
TJ_INLINE vfloat pack_pairs(vfloat even, vfloat odd) {
  return as_float((vint)((vuint)even >> 16) | as_int(odd));
}

/// The pairs of 32 numbers in a row.
TJ_INLINE vfloat pack_neighbours(vfloat a, vfloat b) {
  return pack_pairs(__builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30),
                    __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31));
}

/// Sixteen numbers of a row in bfloat16, from number i on; zeros from `columns` on.
TJ_INLINE vfloat rounded_within(const float *row, size_t i, size_t columns) {
  return i < columns ? to_bfloat16(first_lanes(load(row + i), lanes_from(i, columns))) : splat(0);
}

TJ_INLINE void round_in_place(float *x, size_t n) {
  for (size_t i = 0; i < n; i += TJ_LANES) store(x + i, to_bfloat16(load(x + i)));
}

/// Makes x [rows, stride] ready for products whose terms are its rows. A pair of packed rows lies in the first of them.
TJ_INLINE void ready_rows(float *x, size_t stride, size_t rows, const int precision) {
  if (precision == TJ_FP32) return;
  if (!TJ_PACKS_PAIRS) {
    round_in_place(x, rows * stride);
    return;
  }
  for (size_t row = 0; row < rows; row += 2, x += 2 * stride)
    for (size_t i = 0; i < stride; i += TJ_LANES) {
      const vfloat odd = row + 1 < rows ? to_bfloat16(load(x + stride + i)) : splat(0);
      store(x + i, pack_pairs(to_bfloat16(load(x + i)), odd));
    }
}

/// Makes x [rows, columns], rows `stride` apart, ready for products whose terms are its columns. The packed pairs of a row lie
/// in its first half.
TJ_INLINE void ready_columns(float *x, size_t stride, size_t rows, size_t columns, const int precision) {
  if (precision == TJ_FP32) return;
  if (!TJ_PACKS_PAIRS) {
    round_in_place(x, rows * stride);
    return;
  }
  for (size_t row = 0; row < rows; row++, x += stride)
    for (size_t i = 0; i < columns; i += 2 * TJ_LANES)
      store(x + i / 2,
            pack_neighbours(rounded_within(x, i, columns), rounded_within(x, i + TJ_LANES, columns)));
}

/// Makes x [rows, columns], rows `stride` apart, ready both ways: in place for its rows. `packed` is as large as x.
///
/// Returns what is ready for its columns: `packed`, or x.
TJ_INLINE const float *ready_both(float *x, float *packed, size_t stride, size_t rows, size_t columns,
                                  const int precision) {
  if (precision == TJ_FP32 || !TJ_PACKS_PAIRS) {
    ready_rows(x, stride, rows, precision);
    return x;
  }
  for (size_t row = 0; row < rows; row += 2) {
    float *even = x + row * stride, *out = packed + row * stride;
    const int has_odd = row + 1 < rows;
    for (size_t i = 0; i < columns; i += 2 * TJ_LANES) {
      const size_t j = i + TJ_LANES;
      const vfloat a = rounded_within(even, i, columns), b = rounded_within(even, j, columns);
      const vfloat c = has_odd ? rounded_within(even + stride, i, columns) : splat(0);
      const vfloat d = has_odd ? rounded_within(even + stride, j, columns) : splat(0);
      store(out + i / 2, pack_neighbours(a, b));
      if (has_odd) store(out + stride + i / 2, pack_neighbours(c, d));
      store(even + i, pack_pairs(a, c));
      if (j < stride) store(even + j, pack_pairs(b, d));
    }
  }
  return packed;
}

/// c [m, n] (+)= a b over `depth` terms, n whole vectors, of matrices that are ready. Element (i, k) of a is, before that,
/// a[i a_row + k a_step]; one of the two steps is 1.
TJ_INLINE void ready_product(const float *a, size_t a_row, size_t a_step, const float *b, size_t b_row,
                             float *c, size_t c_row, size_t m, size_t n, size_t depth, int resumes,
                             const int precision) {
  if (precision == TJ_FP32) {
    float_product(a, a_row, a_step, b, b_row, c, c_row, m, n, depth, resumes, TJ_ASCENDING);
  } else if (!TJ_PACKS_PAIRS) {
    float_product(a, a_row, a_step, b, b_row, c, c_row, m, n, depth, resumes, TJ_ODD_FIRST);
  } else {
    const size_t step = a_step == 1 ? 1 : 2 * a_step;
    float_product(a, a_row, step, b, 2 * b_row, c, c_row, m, n, (depth + 1) / 2, resumes, TJ_PACKED);
  }
}

#endif
