// SIMD kernels, one table of them an instruction set. isa/list.c names them.
//
// Every kernel gives the same bits on every instruction set: vectors are 16 lanes wide whatever the
// hardware, reductions run over those 16 lanes in one fixed tree, and no multiplication is fused with an
// addition. The one exception is attention, whose products are fused where the hardware can: everywhere but
// in the portable kernels on x86-64.
#ifndef CMXKERNELS_H
#define CMXKERNELS_H

#include <stddef.h>
#include <stdint.h>

/// What the scale byte of a group stands for.
typedef enum {
  TJ_POWER,  // a power of two, E8M0
  TJ_ONE,    // 1
  TJ_NUMBER, // an 8-bit number, E4M3
} tj_scale;

/// A number format: groups of elements, a sign above three, five or seven bits of magnitude, under one scale byte.
typedef struct {
  int32_t exponent_bits, mantissa_bits; // of an element
  int32_t bias;                         // of its exponent
  int32_t largest_code;                 // of a magnitude that is a number
  int32_t group;                        // elements of a group: 32, or 16
  tj_scale scale;
  int32_t run; // neighbours that share an outer scale, 128; 0 where a matrix has one, or none
} tj_format;

/// How a matrix is quantized. The scale of a group whose largest magnitude M has biased exponent E and 23-bit fraction F is
/// the byte max(0, E - emax + (F > fraction_threshold)), with emax the exponent of the format's largest magnitude, where
/// scales are powers of two. Where they are numbers it is E4M3's nearest to M / outer_scale / 6, or, if scales are not to
/// clip, the smallest that is not below that and under which M does not pass 6.
typedef struct {
  int32_t format;             // index of the format
  int32_t rounding;           // 0 nearest even, 1 nearest away, 2 stochastic, 3 moving average
  int32_t fraction_threshold; // the rule of powers of two; 0x7fffff: never above
  int32_t never_clips;        // the rule of numbers
  // What all scales are multiplied with; 1 where they are powers of two. Runs get outer scales of their own.
  float outer_scale;
  int32_t rotates;    // whether whole groups are multiplied with a Hadamard matrix first, as rotate_rows does
  int32_t tries_four; // under numbers: whether the largest magnitude may become 4, where that loses less
  uint32_t key[2];    // Philox key
  uint32_t stream[2]; // Philox counter words 2 and 3
} tj_quantizer;

/// What whole groups of neighbouring numbers are multiplied with: signs first, and then Sylvester's Hadamard matrix over the
/// root of their number.
typedef struct {
  int32_t length; // 16 or 32
  uint32_t signs; // bit i: whether number i of each group changes its sign
} tj_rotation;

/// Some rows of a matrix that a quantizer reads, or some of their columns.
typedef struct {
  const float *x;
  const float *ema; // moving averages of x, for rounding 3; null for none
  // The magnitudes that scales follow from where squares of 16 x 16 elements of the whole matrix share them, row by row of
  // squares; null where groups have their own. Formats with groups of 16.
  const float *squares;
  size_t squares_stride; // from one row of squares to the next
  size_t rows, columns;
  // Where the first number stands in the whole matrix, for the random bits and for a packed matrix: a row that is a
  // multiple of 16, of 32 for groups along columns (of 8 where the sink is no packed matrix), and a column that is a
  // multiple of 32; along runs, multiples of their length.
  size_t first_row, first_column;
} tj_slice;

/// What a quantizer loses.
typedef struct {
  size_t saturated;   // elements above the largest magnitude of their group's grid
  size_t underflowed; // elements other than zero that become zero
} tj_losses;

/// What becomes of the numbers of a slice.
typedef enum {
  TJ_VALUES, // their quantized values, NaN in a broken group
  TJ_CODES,  // codes and scales in a packed matrix; a broken group has scale byte 255 and codes 0
  TJ_COUNTS, // what is lost, added up; a broken group loses nothing
} tj_sink_kind;

/// Where it goes.
typedef struct {
  tj_sink_kind kind;
  float *values;           // in the layout of x, and may be x
  uint8_t *codes, *scales; // of the whole packed matrix
  size_t blocks;           // of one of its panels
  tj_losses *losses;
} tj_sink;

/// Some rows of a matrix that is packed along its rows.
typedef struct {
  const uint8_t *codes, *scales; // of the whole matrix
  int32_t format;
  float outer_scale; // what all scales are multiplied with; 1 where there is none, or runs have their own
  size_t rows, columns;
  size_t first_row; // the number of their first row there, a multiple of 16
} tj_packed;

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

// Packed matrices. Lanes are what the groups lie along: rows, or columns. Sixteen neighbouring lanes are a
// panel; a panel holds blocks of 32 elements of each lane, 256 bytes of codes, and apart from them 16 scale bytes a
// group: a block has one, or two of 16 elements. Byte 64 t + 4 l + b of a block holds element 8 t + b of lane l in its
// low nibble and element 8 t + 4 + b in its high nibble. Lanes beyond the matrix have code 0 and scale byte 0, elements
// beyond it code 0, groups beyond it scale byte 0. The layout is the same for every instruction set, and for either side of a product. Codes of more than four bits
// take a byte each: blocks of 512 bytes, of which byte 64 t + 4 l + b holds element 4 t + b. Only formats whose magnitudes
// are at most 64 steps of the smallest are packed.

/// How far the scales of a panel are from 1, which decides how a product ends a group (product.h). Every way has the same bits.
enum {
  TJ_NEAR_SCALES, // powers of two from 2^-50 to 2^50
  TJ_FAR_SCALES,
  TJ_HUGE_SCALES, // 2^104 or more, or no powers of two; of left panels alone
};

/// Where the product of a left panel with neighbouring right panels goes.
typedef struct {
  float *c;
  size_t stride;     // numbers between two rows of c
  size_t rows;       // 1...16
  size_t columns;    // how many numbers of each row are written; the right panels must cover them
  const float *bias; // added to every row at the end; null for none
  int32_t resumes;   // whether the sums go on from what c holds, or start at +0
  int32_t scales;    // the largest of what expand_left and expand_right returned
  int32_t left_format, right_format;
} tj_product;

/// An operand of a product in single precision: term k of lane i is x[i lane + k step]; one of the two is 1.
typedef struct {
  const float *x;
  size_t lane, step;
} tj_floats;

/// Where such a product goes.
typedef struct {
  float *c;
  size_t stride; // numbers between two rows of c
  size_t rows, columns;
  const float *bias; // added to every row at the end; null for none
} tj_float_product;

typedef struct {
  const char *name;

  /// Quantizes rows whose groups lie along them. Returns the number of broken groups: those with a NaN or an infinity.
  size_t (*quantize_rows)(const tj_slice *slice, const tj_quantizer *quantizer, const tj_sink *sink);
  /// The same with groups along columns.
  size_t (*quantize_columns)(const tj_slice *slice, const tj_quantizer *quantizer, const tj_sink *sink);
  /// Quantizes rows of a packed matrix again, along their columns and into codes: what quantize_columns makes of their
  /// values. Their first row is a multiple of 32.
  size_t (*requantize_columns)(const tj_packed *source, const tj_quantizer *quantizer, const tj_sink *sink);
  /// The values of rows of a packed matrix.
  void (*dequantize_rows)(const tj_packed *source, float *values);

  /// Bytes of one block of a panel as the left and as the right operand of a product. What they hold is the instruction
  /// set's own.
  size_t (*left_block_bytes)(int32_t format);
  size_t (*right_block_bytes)(int32_t format);
  /// Prepares `blocks` blocks of one panel for `multiply`. Returns what scales they have.
  int32_t (*expand_left)(const uint8_t *codes, const uint8_t *scales, size_t blocks, int32_t format,
                         int32_t right_format, void *out);
  int32_t (*expand_right)(const uint8_t *codes, const uint8_t *scales, size_t blocks, int32_t format,
                          void *out);
  /// c = left right^T over `blocks` blocks, without outer scales; right panels follow each other `blocks` blocks apart.
  /// Groups of both formats are of one length.
  void (*multiply)(const void *left, const void *right, size_t blocks, const tj_product *product);
  /// c = left right^T over `terms` terms in single precision: each sum starts at +0 and goes on term by term.
  void (*multiply_floats)(const tj_floats *left, const tj_floats *right, size_t terms,
                          const tj_float_product *product, float *scratch);
  /// The same, the right operand's lanes being the rows of a packed matrix from `first_row`, a multiple of 16, on, and the
  /// terms its columns: what multiply_floats makes of their values.
  void (*multiply_floats_with_codes)(const tj_floats *left, const tj_packed *right,
                                     const tj_float_product *product, float *scratch);
  /// Numbers of scratch that the two take.
  size_t (*float_scratch)(size_t columns);
  /// The dot products of the tile's instructions alone, on registers: how many operations (a
  /// multiplication or an addition each) were done. To be timed.
  double (*dot_product_peak)(size_t iterations);
  /// The same of the multiplications and additions of single-precision tiles.
  double (*float_peak)(size_t iterations);

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
  /// The same with products in bfloat16: q, k, v, d_output, the probabilities, and the gradient of the scores are
  /// rounded where they are multiplied. Sums, softmax, and what comes out are in single precision.
  void (*attention_bf16)(const tj_attention *head, float *o, float *scratch);
  void (*attention_backward_bf16)(const tj_attention *head, const float *d_output, float *dq, float *dk,
                                  float *dv, float *scratch);
  /// Numbers of scratch that each of the four takes at most.
  size_t (*attention_scratch)(size_t tokens, size_t width);

  /// Every row of y becomes `bias`.
  void (*broadcast_row)(const float *bias, float *y, size_t rows, size_t columns);
  /// sums += the sum over the rows of x.
  void (*add_column_sums)(const float *x, float *sums, size_t rows, size_t columns);
  /// y = x + scale * branch, n elements. y may be x.
  void (*add_scaled)(const float *x, float scale, const float *branch, float *y, size_t n);
  /// The sum of squares of n elements, in double precision.
  double (*sum_of_squares)(const float *x, size_t n);
  /// The largest magnitude of n elements that is finite; 0 where none is.
  float (*largest_magnitude)(const float *x, size_t n);

  /// One AdamW step on n elements.
  void (*adamw)(const tj_adamw *step, const float *gradient, float *weight, float *m, float *v, size_t n);

  /// average = beta average + (1 - beta) w, n elements.
  void (*moving_average)(float beta, const float *w, float *average, size_t n);
  /// One AdamW step on n elements, of which each waits for as many gradients as its period says.
  void (*ramping_adamw)(const tj_adamw *step, const tj_ramping *ramping, const float *gradient, float *weight,
                        float *m, float *v, size_t n);
  /// y += scale (a - b), n elements.
  void (*add_scaled_difference)(float *y, float scale, const float *a, const float *b, size_t n);
  /// y = x, or y += x where it adds: rows x columns numbers, of which whole groups of neighbours in a row are rotated; y may be
  /// x.
  void (*rotate_rows)(const float *x, float *y, size_t rows, size_t columns, const tj_rotation *rotation,
                      int32_t adds);
  /// y = x, of which whole groups of neighbours in a column are rotated; y may be x.
  void (*rotate_columns)(const float *x, float *y, size_t rows, size_t columns, const tj_rotation *rotation);
  /// Takes one step of n weights into account.
  void (*track_movement)(const float *w, const float *q, const tj_track *track, tj_movement *movement,
                         size_t n);
} tj_kernels;

/// The formats that the kernels know, by index; null from the first index beyond them.
const tj_format *tj_format_at(size_t index);

/// 1 where the compiler optimized the kernels, 0 in a debug build.
int tj_is_optimized(void);

/// An instruction set: a whole table of kernels, or another set's of which it replaces some.
typedef struct tj_instruction_set {
  const char *name;
  int (*is_available)(void);
  /// Whether it is the best one where it is available; null where it always is. One that is not has to be asked for.
  int (*is_preferred)(void);
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
