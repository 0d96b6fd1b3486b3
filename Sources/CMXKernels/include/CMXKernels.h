// SIMD kernels, one table of them an instruction set. See kernels.c for how one is chosen.
//
// Every kernel gives the same bits on every instruction set: vectors are 16 lanes wide whatever the
// hardware, reductions run over those 16 lanes in one fixed tree, and no multiplication is fused with an
// addition.
#ifndef CMXKERNELS_H
#define CMXKERNELS_H

#include <stddef.h>
#include <stdint.h>

/// How a matrix is quantized. The scale of a group whose largest magnitude has biased exponent E and
/// 23-bit fraction F is the byte max(0, E - maximum_exponent + (F > fraction_threshold)).
typedef struct {
  int32_t format;              // 0 E2M1, 1 E3M0
  int32_t rounding;            // 0 nearest even, 1 nearest away, 2 stochastic, 3 moving average
  int32_t maximum_exponent;    // emax of the format
  int32_t fraction_threshold;  // the scale rule; 0x7fffff: never above
  uint32_t key[2];             // Philox key
  uint32_t stream[2];          // Philox counter words 2 and 3
} tj_quantizer;

/// One step of AdamW with the bias corrections already folded in.
typedef struct {
  float learning_rate;
  float beta1;
  float beta2;
  float epsilon;
  float decay;          // learning rate times weight decay
  float correction1;    // 1 / (1 - beta1^t)
  float correction2;    // 1 / sqrt(1 - beta2^t)
  float gradient_scale; // factor on the gradient (clipping); 1 for none
} tj_adamw;

typedef struct {
  const char *name;
  int (*is_available)(void);

  /// out = quantize(x), de-quantized, groups of 32 along a row. x, ema, out are `rows` x `columns`;
  /// `first_row`, a multiple of 8, is the row's number in the whole matrix, for the random bits. Returns
  /// the number of groups that hold a NaN or an infinity (their output is NaN). ema may be null but for
  /// rounding 3. out may be x.
  size_t (*quantize_rows)(const float *x, const float *ema, float *out, size_t rows, size_t columns,
                          size_t first_row, const tj_quantizer *quantizer);
  /// The same with groups along a column; `first_row` is a multiple of 32.
  size_t (*quantize_columns)(const float *x, const float *ema, float *out, size_t rows,
                             size_t columns, size_t first_row, const tj_quantizer *quantizer);

  /// y = x * Phi(x), elementwise, n elements.
  void (*gelu)(const float *x, float *y, size_t n);
  /// dx = dy * (Phi(x) + x * phi(x)). dx may be dy.
  void (*gelu_backward)(const float *x, const float *dy, float *dx, size_t n);

  /// Rows of D: y = (x - mean) * rstd * weight + bias; mean and rstd hold one number a row.
  void (*layer_norm)(const float *x, const float *weight, const float *bias, float epsilon, float *y,
                     float *mean, float *rstd, size_t rows, size_t columns);
  /// dx += the gradient by x; dweight and dbias += sums over the rows.
  void (*layer_norm_backward)(const float *x, const float *weight, const float *mean,
                              const float *rstd, const float *dy, float *dx, float *dweight,
                              float *dbias, size_t rows, size_t columns);

  /// In place: each row of s becomes softmax(scale * s).
  void (*softmax)(float *s, float scale, size_t rows, size_t columns);
  /// In place: dp becomes the gradient by s of p = softmax(scale * s).
  void (*softmax_backward)(const float *p, float *dp, float scale, size_t rows, size_t columns);

  /// Every row of y becomes `bias`.
  void (*broadcast_row)(const float *bias, float *y, size_t rows, size_t columns);
  /// sums += the sum over the rows of x.
  void (*add_column_sums)(const float *x, float *sums, size_t rows, size_t columns);
  /// y = x + scale * branch, n elements. y may be x.
  void (*add_scaled)(const float *x, float scale, const float *branch, float *y, size_t n);
  /// The sum of squares of n elements, in double precision.
  double (*sum_of_squares)(const float *x, size_t n);

  /// One AdamW step on n elements.
  void (*adamw)(const tj_adamw *step, const float *gradient, float *weight, float *m, float *v,
                size_t n);
} tj_kernels;

/// The tables compiled into this build, best first; null from the first index beyond them.
const tj_kernels *tj_kernels_at(size_t index);

#endif
