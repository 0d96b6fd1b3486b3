// Softmax attention of one head: o = softmax(scale q k^T + bias + mask) v, and its gradients, in single precision; its
// products also of numbers rounded to bfloat16 (product/bfloat16.h).
//
// T tokens, K numbers of a head, both padded with zeros to whole vectors in scratch: Tp, Kp. The T x T scores are
// computed by blocks of rows that stay in the second-level cache and are never kept: the backward pass
// computes them again. Every sum runs over its index in ascending order, or pair by pair, whatever the blocks and tiles.
#ifndef TJ_ATTENTION_H
#define TJ_ATTENTION_H

#include "CMXKernels.h"
#include "product/bfloat16.h"

/// 2^t for t <= 0, relative error below 2e-7, and 0 for t below -64: a softmax, whose largest power is 1, cannot tell the
/// two apart, and with its masks of -100 would else fill up with subnormal numbers, each of which costs some processors
/// a hundred cycles. t = n + r with |r| <= 1/2; 2^r by a polynomial whose coefficients are a minimax fit made for this
/// file, n by the exponent's bits.
TJ_INLINE vfloat power_of_two(vfloat t) {
  // In this order a NaN passes through, and in the comparison.
  const vint vanishes = t < splat(-64.0f);
  t = maximum(splat(-126.0f), t);
  // The last bits of this sum are n.
  const vfloat shifted = t + 0x1.8p23f;
  const vfloat r = t - (shifted - 0x1.8p23f);
  vfloat p = splat(0x1.41d334p-13f);
  p = multiply_add(p, r, splat(0x1.5f456ap-10f));
  p = multiply_add(p, r, splat(0x1.3b2dbcp-7f));
  p = multiply_add(p, r, splat(0x1.c6aed4p-5f));
  p = multiply_add(p, r, splat(0x1.ebfbdap-3f));
  p = multiply_add(p, r, splat(0x1.62e43p-1f));
  p = multiply_add(p, r, splat(1.0f));
  // A multiplication, and not an addition of exponents, keeps a NaN one.
  const vfloat power = p * as_float((as_int(shifted) << 23) + (127 << 23));
  return as_float(as_int(power) & ~vanishes);
}

/// Softmax of scale s along rows that lie `stride` apart, in place, as powers of two: with c = scale log2(e) and m
/// the largest of a row, 2^(c s - c m). The rounding of c m is a factor on the whole row, and cancels.
/// Numbers between the last column and the last whole vector of a row are lost; there must be room for them.
TJ_INLINE void softmax(float *s, size_t stride, float scale, size_t rows, size_t columns) {
  const vfloat c = splat(scale * 0x1.715476p0f);
  const size_t whole = columns / TJ_LANES * TJ_LANES, rest = columns - whole;
  for (size_t row = 0; row < rows; row++, s += stride) {
    vfloat largest = splat(-__builtin_inff());
    for (size_t i = 0; i < whole; i += TJ_LANES) largest = maximum(load(s + i), largest);
    for (size_t i = 0; i < rest; i++) largest = maximum(splat(s[whole + i]), largest);
    const vfloat offset = -splat(max_lanes(largest)) * c;
    vfloat sum = splat(0);
    for (size_t i = 0; i < columns; i += TJ_LANES) {
      vfloat power = power_of_two(multiply_add(load(s + i), c, offset));
      if (i == whole) power = first_lanes(power, rest);
      store(s + i, power);
      sum += power;
    }
    const vfloat factor = splat(1.0f / sum_lanes(sum));
    for (size_t i = 0; i < columns; i += TJ_LANES) store(s + i, load(s + i) * factor);
  }
}

/// ds = scale p (dp - sum(dp p)), in place of dp. Beyond a row's last column, p is zero.
TJ_INLINE void softmax_backward(const float *p, float *dp, size_t stride, float scale, size_t rows,
                                size_t columns) {
  for (size_t row = 0; row < rows; row++, p += stride, dp += stride) {
    vfloat product = splat(0);
    for (size_t i = 0; i < columns; i += TJ_LANES) product = multiply_add(load(p + i), load(dp + i), product);
    const vfloat mean = splat(sum_lanes(product));
    for (size_t i = 0; i < columns; i += TJ_LANES) store(dp + i, load(p + i) * scale * (load(dp + i) - mean));
  }
}

/// Sixteen numbers of a matrix of `count`, from number i on; where it ends before, what there is, and zeros.
TJ_INLINE vfloat load_within(const float *x, size_t i, size_t count) {
  return load_some(x + i, lanes_from(i, count));
}

/// s += (bias + mask) / scale along `rows` rows from row `first` on, before softmax scales the scores. What is behind the
/// last column is lost there.
TJ_INLINE void add_bias(const tj_attention *head, size_t first, float *s, size_t stride, size_t rows) {
  const float inverse = 1.0f / head->scale;
  const size_t count = head->tokens * head->tokens;
  for (size_t row = 0; row < rows; row++, s += stride) {
    const size_t from = (first + row) * head->tokens;
    for (size_t i = 0; i < head->tokens; i += TJ_LANES) {
      vfloat sum = splat(0);
      if (head->bias) sum += load_within(head->bias, from + i, count);
      if (head->mask) sum += load_within(head->mask, from + i, count);
      store(s + i, multiply_add(sum, splat(inverse), load(s + i)));
    }
  }
}

/// d_bias += ds / scale along the same rows.
TJ_INLINE void add_bias_gradient(const tj_attention *head, size_t first, const float *ds, size_t stride,
                                 size_t rows) {
  const float inverse = 1.0f / head->scale;
  const size_t count = head->tokens * head->tokens;
  for (size_t row = 0; row < rows; row++, ds += stride) {
    const size_t from = (first + row) * head->tokens;
    for (size_t i = 0; i < head->tokens; i += TJ_LANES) {
      const vfloat old = load_within(head->d_bias, from + i, count);
      const vfloat new = multiply_add(load(ds + i), splat(inverse), old);
      // The lanes beyond the row are the next one's, and stay.
      const vint mask = lanes_below(lanes_from(i, head->tokens));
      store_some(head->d_bias + from + i, choose(mask, new, old), lanes_from(from + i, count));
    }
  }
}

/// out [rows, padded] = x [rows, columns], with zeros behind.
static void pad_rows(const float *x, size_t stride, size_t rows, size_t columns, float *out, size_t padded) {
  for (size_t row = 0; row < rows; row++)
    for (size_t i = 0; i < padded; i += TJ_LANES)
      store(out + row * padded + i, load_some(x + row * stride + i, lanes_from(i, columns)));
}

/// x [rows, columns] without the padding.
static void unpad_rows(const float *padded_rows, size_t padded, size_t rows, size_t columns, float *x,
                       size_t stride) {
  for (size_t row = 0; row < rows; row++)
    for (size_t i = 0; i < columns; i += TJ_LANES)
      store_some(x + row * stride + i, load(padded_rows + row * padded + i), lanes_from(i, columns));
}

/// out [columns, padded] = the transpose of x [rows, columns], with zeros behind.
static void transpose_padded(const float *x, size_t stride, size_t rows, size_t columns, float *out,
                             size_t padded) {
  for (size_t row = 0; row < rows; row += TJ_LANES)
    for (size_t column = 0; column < columns; column += TJ_LANES) {
      const size_t high = rows - row < TJ_LANES ? rows - row : TJ_LANES;
      const size_t wide = columns - column < TJ_LANES ? columns - column : TJ_LANES;
      vfloat square[TJ_LANES];
      for (size_t i = 0; i < TJ_LANES; i++)
        square[i] = i < high ? load_some(x + (row + i) * stride + column, wide) : splat(0);
      transpose_square(square);
      for (size_t i = 0; i < wide; i++) store(out + (column + i) * padded + row, square[i]);
    }
}

/// Rows of scores that are in work at once: all 49 of a Swin's window. Whole pairs.
enum { TJ_SCORE_ROWS = 54 };
_Static_assert(TJ_SCORE_ROWS % 2 == 0, "a pair of terms in two blocks");

static size_t attention_scratch(size_t tokens, size_t width) {
  const size_t across = padded_to_lanes(width), along = padded_to_lanes(tokens);
  // What is packed both ways lies in two places.
  const size_t packed = TJ_PACKS_PAIRS * (2 * tokens * across + TJ_SCORE_ROWS * along);
  return 2 * width * along + 6 * tokens * across + 2 * TJ_SCORE_ROWS * along + packed;
}

TJ_INLINE void attend(const tj_attention *head, float *o, float *scratch, const int precision) {
  const size_t tokens = head->tokens, width = head->width;
  const size_t across = padded_to_lanes(width), along = padded_to_lanes(tokens);
  float *k_transposed = scratch, *q = k_transposed + width * along, *v = q + tokens * across;
  float *out = v + tokens * across, *scores = out + tokens * across;
  transpose_padded(head->k, head->stride, tokens, width, k_transposed, along);
  pad_rows(head->q, head->stride, tokens, width, q, across);
  pad_rows(head->v, head->stride, tokens, width, v, across);
  ready_rows(k_transposed, along, width, precision);
  ready_columns(q, across, tokens, width, precision);
  ready_rows(v, across, tokens, precision);
  for (size_t row = 0; row < tokens; row += TJ_SCORE_ROWS) {
    const size_t rows = tokens - row < TJ_SCORE_ROWS ? tokens - row : TJ_SCORE_ROWS;
    ready_product(q + row * across, across, 1, k_transposed, along, scores, along, rows, along, width, 0,
                  precision);
    if (head->bias || head->mask) add_bias(head, row, scores, along, rows);
    softmax(scores, along, head->scale, rows, tokens);
    ready_columns(scores, along, rows, tokens, precision);
    ready_product(scores, along, 1, v, across, out + row * across, across, rows, across, tokens, 0,
                  precision);
  }
  unpad_rows(out, across, tokens, width, o, head->output_stride);
}

// With p the probabilities: dv = p^T do, dp = do v^T, ds = scale p (dp - sum(dp p)), dq = ds k, dk = ds^T q,
// d_bias = ds / scale.

TJ_INLINE void attend_backward(const tj_attention *head, const float *d_output, float *dq, float *dk,
                               float *dv, float *scratch, const int precision) {
  const size_t tokens = head->tokens, width = head->width;
  const size_t across = padded_to_lanes(width), along = padded_to_lanes(tokens);
  const size_t matrix = tokens * across;
  float *k_transposed = scratch, *v_transposed = k_transposed + width * along;
  float *q = v_transposed + width * along, *k = q + matrix, *d_out = k + matrix;
  float *d_query = d_out + matrix, *d_key = d_query + matrix, *d_value = d_key + matrix;
  float *p = d_value + matrix, *ds = p + TJ_SCORE_ROWS * along, *packed = ds + TJ_SCORE_ROWS * along;
  transpose_padded(head->k, head->stride, tokens, width, k_transposed, along);
  transpose_padded(head->v, head->stride, tokens, width, v_transposed, along);
  pad_rows(head->q, head->stride, tokens, width, q, across);
  pad_rows(head->k, head->stride, tokens, width, k, across);
  pad_rows(d_output, head->output_stride, tokens, width, d_out, across);
  ready_rows(k_transposed, along, width, precision);
  ready_rows(v_transposed, along, width, precision);
  ready_rows(k, across, tokens, precision);
  // Each is multiplied over its columns, too.
  const float *q_columns = ready_both(q, packed, across, tokens, width, precision);
  const float *d_columns = ready_both(d_out, packed + matrix, across, tokens, width, precision);
  for (size_t row = 0; row < tokens; row += TJ_SCORE_ROWS) {
    const size_t rows = tokens - row < TJ_SCORE_ROWS ? tokens - row : TJ_SCORE_ROWS, first = row * across;
    ready_product(q_columns + first, across, 1, k_transposed, along, p, along, rows, along, width, 0,
                  precision);
    if (head->bias || head->mask) add_bias(head, row, p, along, rows);
    softmax(p, along, head->scale, rows, tokens);
    // dp, of which softmax makes ds.
    ready_product(d_columns + first, across, 1, v_transposed, along, ds, along, rows, along, width, 0,
                  precision);
    softmax_backward(p, ds, along, head->scale, rows, tokens);
    if (head->d_bias) add_bias_gradient(head, row, ds, along, rows);
    ready_rows(p, along, rows, precision);
    const float *ds_columns = ready_both(ds, packed + 2 * matrix, along, rows, tokens, precision);
    const int resumes = row > 0;
    ready_product(p, 1, along, d_out + first, across, d_value, across, tokens, across, rows, resumes,
                  precision);
    ready_product(ds_columns, along, 1, k, across, d_query + first, across, rows, across, tokens, 0,
                  precision);
    ready_product(ds, 1, along, q + first, across, d_key, across, tokens, across, rows, resumes, precision);
  }
  unpad_rows(d_query, across, tokens, width, dq, head->stride);
  unpad_rows(d_key, across, tokens, width, dk, head->stride);
  unpad_rows(d_value, across, tokens, width, dv, head->stride);
}

static void attention(const tj_attention *head, float *o, float *scratch) {
  attend(head, o, scratch, TJ_FP32);
}

static void attention_backward(const tj_attention *head, const float *d_output, float *dq, float *dk,
                               float *dv, float *scratch) {
  attend_backward(head, d_output, dq, dk, dv, scratch, TJ_FP32);
}

static void attention_bf16(const tj_attention *head, float *o, float *scratch) {
  attend(head, o, scratch, TJ_BF16);
}

static void attention_backward_bf16(const tj_attention *head, const float *d_output, float *dq, float *dk,
                                    float *dv, float *scratch) {
  attend_backward(head, d_output, dq, dk, dv, scratch, TJ_BF16);
}

#endif
