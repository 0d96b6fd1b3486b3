// SIMD kernels, one table of them an instruction set. See kernels.c for how one is chosen.
//
// Every kernel gives the same bits on every instruction set: vectors are 16 lanes wide whatever the
// hardware, reductions run over those 16 lanes in one fixed tree, and no multiplication is fused with an
// addition. The one exception is attention, whose products are fused where the hardware can: everywhere but
// in the portable kernels on x86-64.
#ifndef CMXKERNELS_H
#define CMXKERNELS_H

#include <stddef.h>
#include <stdint.h>

/// How a matrix is quantized. The scale of a group whose largest magnitude has biased exponent E and
/// 23-bit fraction F is the byte max(0, E - maximum_exponent + (F > fraction_threshold)).
typedef struct {
  int32_t format;             // 0 E2M1, 1 E3M0
  int32_t rounding;           // 0 nearest even, 1 nearest away, 2 stochastic, 3 moving average
  int32_t maximum_exponent;   // emax of the format
  int32_t fraction_threshold; // the scale rule; 0x7fffff: never above
  uint32_t key[2];            // Philox key
  uint32_t stream[2];         // Philox counter words 2 and 3
} tj_quantizer;

/// One head of attention.
typedef struct {
  const float *q, *k, *v;
  size_t stride;        // numbers between two tokens of q, k and v
  size_t output_stride; // and of o
  size_t tokens, width; // width: numbers of a token in this head
  float scale;          // factor on the scores
  const float *bias;    // tokens x tokens numbers added to the scaled scores; null for none
  const float *mask;    // the same once more; null for none
  float *d_bias;        // where the backward pass adds the gradient of the bias; null for nowhere
} tj_attention;

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

/// Q-Ramping's counters, in the layout of the weights.
typedef struct {
  const float *period; // an element takes a step once it has waited for so many gradients
  float *sum;          // of the gradients it waits with
  float *count;        // of them
} tj_ramping;

/// How far weights w and their quantized values q have come since a beginning, element by element.
typedef struct {
  float *w_before, *q_before; // the values of the step before
  float *w_path, *q_path;     // sums of |change|
} tj_track;

/// The movement of one step, summed over elements.
typedef struct {
  double change, magnitude;     // squares of w - w_before, and of w_before
  double q_change, q_magnitude; // the same of q
  uint64_t flips;               // elements whose q has changed
} tj_movement;

/// What a quantizer loses.
typedef struct {
  size_t saturated;   // elements above the largest magnitude of their group's grid
  size_t underflowed; // elements other than zero that become zero
} tj_losses;

// Packed matrices. Lanes are what the groups lie along: rows, or columns. Sixteen neighbouring lanes are a
// panel; a panel holds, group by group, blocks of 256 bytes of codes, and apart from them 16 scale bytes a
// block. Byte 64 t + 4 l + b of a block holds element 8 t + b of lane l's group in its low nibble and element
// 8 t + 4 + b in its high nibble. Lanes beyond the matrix have code 0 and scale byte 0, elements beyond it
// code 0. The layout is the same for every instruction set, and for either side of a product.

/// One group of a panel as the left operand: signed bytes in units of the format's smallest step.
typedef struct {
  int8_t codes[8][16][4]; // [element / 4][lane][element % 4]
  int32_t start[16];      // what the integer sum of a lane starts with
  float unit[16];         // what is then taken off, or multiplied with where the panel is huge; see gemm.h
} tj_left_group;

/// One group of a panel as the right operand: bytes, signed or with an offset, and scales in units.
typedef struct {
  uint8_t codes[8][16][4];
  float unit[16];
} tj_right_group;

/// Where the product of a left panel with neighbouring right panels goes.
typedef struct {
  float *c;
  size_t stride;     // numbers between two rows of c
  size_t rows;       // 1...16
  size_t columns;    // how many numbers of each row are written; the right panels must cover them
  const float *bias; // added to every row at the end; null for none
  int32_t resumes;   // whether the sums go on from what c holds, or start at +0
  int32_t is_huge;   // what expand_left returned
  int32_t left_format, right_format;
} tj_product;

typedef struct {
  const char *name;

  /// Quantizes rows x columns numbers whose groups lie along rows into the panels of a packed matrix;
  /// `first_row`, a multiple of 16, is the row's number there. Returns the number of groups that hold a
  /// NaN or an infinity (scale byte 255, codes 0). ema may be null but for rounding 3.
  size_t (*pack_rows)(const float *x, const float *ema, size_t rows, size_t columns, size_t first_row,
                      const tj_quantizer *quantizer, uint8_t *codes, uint8_t *scales);
  /// The same with groups along columns; `first_row` is a multiple of 32, and the packed matrix has
  /// `groups` groups a panel.
  size_t (*pack_columns)(const float *x, const float *ema, size_t rows, size_t columns, size_t first_row,
                         size_t groups, const tj_quantizer *quantizer, uint8_t *codes, uint8_t *scales);
  /// Quantizes rows first_row ... first_row + rows of a matrix packed along its rows again, along its
  /// columns: what pack_columns makes of its values.
  size_t (*repack_columns)(const uint8_t *codes, const uint8_t *scales, int32_t source_format, size_t rows,
                           size_t columns, size_t first_row, size_t groups, const tj_quantizer *quantizer,
                           uint8_t *out_codes, uint8_t *out_scales);
  /// The values of those rows of a matrix packed along its rows.
  void (*unpack_rows)(const uint8_t *codes, const uint8_t *scales, int32_t format, size_t rows,
                      size_t columns, size_t first_row, float *values);

  /// Prepares `groups` groups of one panel for `multiply`. Returns whether it is huge (see gemm.h).
  int32_t (*expand_left)(const uint8_t *codes, const uint8_t *scales, size_t groups, int32_t format,
                         int32_t right_format, tj_left_group *out);
  void (*expand_right)(const uint8_t *codes, const uint8_t *scales, size_t groups, int32_t format,
                       tj_right_group *out);
  /// c = left right^T over `groups` groups; right panels follow each other `groups` groups apart.
  void (*multiply)(const tj_left_group *left, const tj_right_group *right, size_t groups,
                   const tj_product *product);
  /// The dot products of the tile's instructions alone, on registers: how many operations (a
  /// multiplication or an addition each) were done. To be timed.
  double (*dot_product_peak)(size_t iterations);

  /// out = quantize(x), de-quantized, groups of 32 along a row. x, ema, out are `rows` x `columns`;
  /// `first_row`, a multiple of 8, is the row's number in the whole matrix, for the random bits. Returns
  /// the number of groups that hold a NaN or an infinity (their output is NaN). ema may be null but for
  /// rounding 3. out may be x.
  size_t (*quantize_rows)(const float *x, const float *ema, float *out, size_t rows, size_t columns,
                          size_t first_row, const tj_quantizer *quantizer);
  /// The same with groups along a column; `first_row` is a multiple of 32.
  size_t (*quantize_columns)(const float *x, const float *ema, float *out, size_t rows, size_t columns,
                             size_t first_row, const tj_quantizer *quantizer);

  /// y = x * Phi(x), elementwise, n elements.
  void (*gelu)(const float *x, float *y, size_t n);
  /// dx = dy * (Phi(x) + x * phi(x)). dx may be dy.
  void (*gelu_backward)(const float *x, const float *dy, float *dx, size_t n);

  /// Rows of D: y = (x - mean) * rstd * weight + bias; mean and rstd hold one number a row.
  void (*layer_norm)(const float *x, const float *weight, const float *bias, float epsilon, float *y,
                     float *mean, float *rstd, size_t rows, size_t columns);
  /// dx += the gradient by x; dweight and dbias += sums over the rows.
  void (*layer_norm_backward)(const float *x, const float *weight, const float *mean, const float *rstd,
                              const float *dy, float *dx, float *dweight, float *dbias, size_t rows,
                              size_t columns);

  /// o = softmax(scale q k^T + bias + mask) v of one head.
  void (*attention)(const tj_attention *head, float *o, float *scratch);
  /// The gradients of q, k and v, `stride` apart like them, given that of o.
  void (*attention_backward)(const tj_attention *head, const float *d_output, float *dq, float *dk, float *dv,
                             float *scratch);
  /// Numbers of scratch that the two take.
  size_t (*attention_scratch)(size_t tokens, size_t width);

  /// Every row of y becomes `bias`.
  void (*broadcast_row)(const float *bias, float *y, size_t rows, size_t columns);
  /// sums += the sum over the rows of x.
  void (*add_column_sums)(const float *x, float *sums, size_t rows, size_t columns);
  /// y = x + scale * branch, n elements. y may be x.
  void (*add_scaled)(const float *x, float scale, const float *branch, float *y, size_t n);
  /// The sum of squares of n elements, in double precision.
  double (*sum_of_squares)(const float *x, size_t n);

  /// One AdamW step on n elements.
  void (*adamw)(const tj_adamw *step, const float *gradient, float *weight, float *m, float *v, size_t n);

  /// average = beta average + (1 - beta) w, n elements.
  void (*moving_average)(float beta, const float *w, float *average, size_t n);
  /// One AdamW step on n elements, of which each waits for as many gradients as its period says.
  void (*ramping_adamw)(const tj_adamw *step, const tj_ramping *ramping, const float *gradient, float *weight,
                        float *m, float *v, size_t n);
  /// y += scale (a - b), n elements.
  void (*add_scaled_difference)(float *y, float scale, const float *a, const float *b, size_t n);
  /// Takes one step of n weights into account.
  void (*track_movement)(const float *w, const float *q, const tj_track *track, tj_movement *movement,
                         size_t n);
  /// Adds up what a quantizer loses of rows x columns numbers; broken groups lose nothing. Arguments as those of
  /// quantize_rows and quantize_columns.
  void (*count_losses)(const float *x, const float *ema, size_t rows, size_t columns, size_t first_row,
                       int32_t along_columns, const tj_quantizer *quantizer, tj_losses *losses);
} tj_kernels;

/// 1 where the compiler optimized the kernels, 0 in a debug build.
int tj_is_optimized(void);

/// An instruction set: a whole table of kernels, or another set's of which it replaces some.
typedef struct tj_instruction_set {
  const char *name;
  int (*is_available)(void);
  /// The set whose kernels it takes over, available wherever it is; null for one that has all itself.
  const struct tj_instruction_set *base;
  /// Puts its own kernels into a table.
  void (*replace)(tj_kernels *kernels);
} tj_instruction_set;

/// The kernels of a set: those of its base, and its own.
void tj_fill(const tj_instruction_set *set, tj_kernels *kernels);

/// The sets compiled into this build, best first; null from the first index beyond them.
const tj_instruction_set *tj_instruction_set_at(size_t index);

#endif
