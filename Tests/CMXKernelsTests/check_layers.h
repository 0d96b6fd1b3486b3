// Layers, optimizers, what follows oscillating weights, and attention.
#ifndef TJ_CHECK_LAYERS_H
#define TJ_CHECK_LAYERS_H

#include "check_quantizers.h"

static void record_double(const char *what, double x) {
  uint64_t bits = 0x7ff8000000000000;
  if (x == x) memcpy(&bits, &x, sizeof bits);
  record(what, 0, (uint32_t)bits);
  record(what, 1, (uint32_t)(bits >> 32));
}

static void check_ramping(const tj_adamw *step, const float *x, const float *weight, const float *m,
                          const float *v, size_t n) {
  float *plain[3] = {copy_of(weight, n), copy_of(m, n), copy_of(v, n)};
  float *ramped[3] = {copy_of(weight, n), copy_of(m, n), copy_of(v, n)};
  float *period = guarded_floats(n), *sum = guarded_floats(n), *count = guarded_floats(n);
  for (size_t i = 0; i < n; i++) {
    period[i] = 1;
    sum[i] = count[i] = 0;
  }
  const tj_ramping ramping = {period, sum, count};
  CALL(adamw, step, x, plain[0], plain[1], plain[2], n);
  CALL(ramping_adamw, step, &ramping, x, ramped[0], ramped[1], ramped[2], n);
  expect_floats("a period of one", ramped[0], plain[0], n);
  for (size_t i = 0; i < n; i++) period[i] = (float)(1 + i % 5);
  for (int turn = 0; turn < 7; turn++)
    CALL(ramping_adamw, step, &ramping, x, ramped[0], ramped[1], ramped[2], n);
  for (int i = 0; i < 3; i++) record_floats("weight, m or v", ramped[i], n);
  record_floats("sum", sum, n);
  record_floats("count", count, n);
}

static void check_oscillation(const float *w, const float *q, size_t n) {
  float *average = copy_of(q, n), *y = copy_of(q, n);
  CALL(moving_average, 0.998f, w, average, n);
  record_floats("average", average, n);
  CALL(add_scaled_difference, y, 0.2f, w, q, n);
  record_floats("y", y, n);
  float *buffers[4];
  for (int i = 0; i < 4; i++) buffers[i] = filled(n, kind);
  buffers[1][n / 2] = q[n / 2];
  const tj_track track = {buffers[0], buffers[1], buffers[2], buffers[3]};
  tj_movement movement = {0};
  CALL(track_movement, w, q, &track, &movement, n);
  record_double("change", movement.change);
  record_double("magnitude", movement.magnitude);
  record_double("q_change", movement.q_change);
  record_double("q_magnitude", movement.q_magnitude);
  record_count("flips", movement.flips);
  for (int i = 0; i < 4; i++) record_floats("track", buffers[i], n);
  expect_floats("w before", buffers[0], w, n);
  expect_floats("q before", buffers[1], q, n);
}

static void check_elements(void) {
  const size_t n = columns;
  const float *x = filled(n, kind), *other = filled(n, kind);
  float *y = guarded_floats(n), *in_place = copy_of(other, n);
  CALL(gelu, x, y, n);
  record_floats("y", y, n);
  CALL(gelu_backward, x, other, y, n);
  record_floats("dx", y, n);
  CALL(gelu_backward, x, in_place, in_place, n);
  expect_floats("in place", in_place, y, n);
  CALL(add_scaled, x, 1.25f, other, y, n);
  record_floats("y", y, n);
  in_place = copy_of(x, n);
  CALL(add_scaled, in_place, 1.25f, other, in_place, n);
  expect_floats("in place", in_place, y, n);

  const float largest = CALL(largest_magnitude, x, n);
  float expected = 0;
  for (size_t i = 0; i < n; i++)
    if (isfinite(x[i]) && fabsf(x[i]) > expected) expected = fabsf(x[i]);
  expect_floats("the largest magnitude", &largest, &expected, 1);
  const double squares = CALL(sum_of_squares, x, n);
  record_double("sum", squares);

  const tj_adamw step = {.learning_rate = 1e-3f,
                         .beta1 = 0.9f,
                         .beta2 = 0.999f,
                         .epsilon = 1e-8f,
                         .decay = 5e-5f,
                         .correction1 = 5.2631579f,
                         .correction2 = 22.366272f,
                         .gradient_scale = 0.7f};
  float *weight = filled(n, kind), *m = filled(n, kind), *v = filled(n, kind);
  if (kind != EXTREME) // there, roots of negative numbers
    for (size_t i = 0; i < n; i++) v[i] *= v[i];
  CALL(adamw, &step, x, weight, m, v, n);
  record_floats("weight", weight, n);
  record_floats("m", m, n);
  record_floats("v", v, n);
  check_ramping(&step, x, weight, m, v, n);
  check_oscillation(x, other, n);
}

static void check_rows(void) {
  const size_t n = rows * columns;
  const float *x = filled(n, kind), *weight = filled(columns, kind), *bias = filled(columns, kind);
  float *y = guarded_floats(n), *mean = guarded_floats(rows), *rstd = guarded_floats(rows);
  CALL(layer_norm, x, weight, bias, 1e-6f, y, mean, rstd, rows, columns);
  record_floats("y", y, n);
  record_floats("mean", mean, rows);
  record_floats("rstd", rstd, rows);
  const float *dy = filled(n, kind);
  float *dx = filled(n, ORDINARY), *dweight = filled(columns, ORDINARY), *dbias = filled(columns, ORDINARY);
  CALL(layer_norm_backward, x, weight, mean, rstd, dy, dx, dweight, dbias, rows, columns);
  record_floats("dx", dx, n);
  record_floats("dweight", dweight, columns);
  record_floats("dbias", dbias, columns);
  for (int32_t length = 16; length <= 32; length += 16) {
    const tj_rotation rotation = {length, length == 16 ? 0xa5c3 : draw()};
    float *turned = copy_of(x, n);
    CALL(rotate_rows, x, y, rows, columns, &rotation, 0);
    record_floats("rotated", y, n);
    CALL(rotate_rows, turned, turned, rows, columns, &rotation, 0);
    expect_floats("in place", turned, y, n);
    CALL(rotate_rows, x, y, rows, columns, &rotation, 1);
    record_floats("added to", y, n);
    turned = copy_of(x, n);
    CALL(rotate_columns, x, y, rows, columns, &rotation);
    record_floats("rotated along columns", y, n);
    CALL(rotate_columns, turned, turned, rows, columns, &rotation);
    expect_floats("in place", turned, y, n);
  }

  CALL(broadcast_row, bias, y, rows, columns);
  record_floats("y", y, n);
  CALL(add_column_sums, x, dbias, rows, columns);
  record_floats("sums", dbias, columns);
}

static void check_layers(void) {
  static const size_t counts[] = {1, 15, 16, 17, 31, 32, 33, 50, 100, 197, 1000};
  static const size_t shapes[][2] = {{1, 1}, {2, 16}, {3, 31}, {5, 33}, {31, 50}, {4, 100}, {3, 197}};
  for (is_at_end = 0; is_at_end < 2; is_at_end++)
    for (kind = 0; kind < KINDS; kind++) {
      for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        columns = counts[i];
        describe("%zu %s numbers", columns, kind_names[kind]);
        run_on_every_table(check_elements);
      }
      for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        rows = shapes[i][0];
        columns = shapes[i][1];
        describe("%zu x %zu %s numbers", rows, columns, kind_names[kind]);
        run_on_every_table(check_rows);
      }
    }
}

// MARK: - Attention

// Fused everywhere but in the portable kernels on x86-64, which only have to come close, on ordinary numbers.
static int is_fused(const tj_kernels *kernels) {
#if defined(__x86_64__)
  return strcmp(kernels->name, "portable") != 0;
#else
  (void)kernels;
  return 1;
#endif
}

static size_t tokens, width;
static int is_bf16;

static void record_attention(const char *what, const float *x, size_t n) {
  if (is_first || is_fused(table)) {
    record_floats(what, x, n);
    return;
  }
  // A few sums over some hundred products of ordinary numbers. In bfloat16, a probability next to a midpoint may round
  // otherwise, and is another by 2^-7 of itself: by no more, then, its row's sum, or that of gradients.
  const float tolerance = is_bf16 ? 0x1p-7f : 1e-5f;
  for (size_t i = 0; i < n; i++) {
    const float y = float_of(expected[outputs_seen++]);
    if (!(fabsf(x[i] - y) <= tolerance * (1 + fabsf(y))))
      fail("%s[%zu] is %a, where %s gives %a", what, i, (double)x[i], first_name, (double)y);
  }
}

/// Numbers below 2^-56 in magnitude, and what their products could become: half of all.
static void fill_tiny(float *x, size_t n) {
  for (size_t i = 0; i < n; i += 2) x[i] = ldexpf(x[i], (int)draw_below(16) - 64);
}

static void check_attention(void) {
  // Both strides leave numbers of others between the tokens, which must stay.
  const size_t stride = 3 * width + 5, output_stride = width + 3;
  const size_t n = (tokens - 1) * stride + 3 * width, output_n = (tokens - 1) * output_stride + width;
  float *qkv = filled(n, kind), *d_output = filled(output_n, kind);
  if (is_bf16 && kind == TIES) {
    // Ties of a few binades, and numbers next to those that become zero.
    fill_tiny(qkv, n);
    fill_tiny(d_output, output_n);
  }
  float *o = filled(output_n, ORDINARY), *d_qkv = filled(n, ORDINARY);
  const size_t scratch_n = CALL(attention_scratch, tokens, width);
  float *scratch = guarded_floats(scratch_n);
  tj_attention head = {.q = qkv,
                       .k = qkv + width,
                       .v = qkv + 2 * width,
                       .stride = stride,
                       .output_stride = output_stride,
                       .tokens = tokens,
                       .width = width,
                       .scale = 0.25f};
  // Every combination of bias and mask has its turn.
  const size_t square = tokens * tokens;
  if (tokens % 2 == 0 || is_at_end) head.bias = filled(square, kind);
  if (tokens % 4 < 2) head.mask = filled(square, ORDINARY);
  float *d_bias = filled(square, ORDINARY);
  if (head.bias) head.d_bias = d_bias;
  if (is_bf16)
    CALL(attention_bf16, &head, o, scratch);
  else
    CALL(attention, &head, o, scratch);
  record_attention("o", o, output_n);
  if (is_bf16)
    CALL(attention_backward_bf16, &head, d_output, d_qkv, d_qkv + width, d_qkv + 2 * width, scratch);
  else
    CALL(attention_backward, &head, d_output, d_qkv, d_qkv + width, d_qkv + 2 * width, scratch);
  record_attention("dq, dk, dv", d_qkv, n);
  record_attention("d_bias", d_bias, square);
}

static void check_heads(int in_bf16) {
  is_bf16 = in_bf16;
  static const size_t shapes[][2] = {{1, 1},   {15, 16}, {16, 7},   {17, 64},
                                     {50, 24}, {65, 33}, {197, 64}, {300, 20}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (is_at_end = 0; is_at_end < 2; is_at_end++)
      for (kind = 0; kind < KINDS; kind++) {
        tokens = shapes[i][0];
        width = shapes[i][1];
        describe("%zu tokens of %zu %s numbers", tokens, width, kind_names[kind]);
        for (size_t j = 0; j < table_count; j++) {
          if (j > 0 && kind != ORDINARY && !is_fused(results[j].kernels)) continue;
          start_run(&results[j], j == 0, 1000 + i);
          hash = is_bf16 ? &results[j].bf16_hash : &results[j].attention_hash;
          if (is_bf16) outputs = &results[j].bf16_outputs;
          check_attention();
        }
      }
}

// MARK: - Products in single precision

static size_t terms;

/// An operand of so many lanes: terms next to each other, or lanes.
static tj_floats operand(size_t lanes, int has_rows) {
  return (tj_floats){filled(lanes * terms, kind), has_rows ? terms : 1, has_rows ? 1 : lanes};
}

static float term_of(tj_floats x, size_t lane, size_t k) { return x.x[lane * x.lane + k * x.step]; }

static void check_floats(void) {
  const size_t stride = columns + 3, n = (rows - 1) * stride + columns;
  for (int layout = 0; layout < 4; layout++) {
    const tj_floats left = operand(rows, layout & 1), right = operand(columns, layout & 2);
    const float *bias = layout % 3 == 0 ? filled(columns, ORDINARY) : NULL;
    float *c = filled(n, ORDINARY), *untouched = copy_of(c, n);
    float *scratch = guarded_floats(CALL(float_scratch, columns));
    const tj_float_product product = {c, stride, rows, columns, bias};
    CALL(multiply_floats, &left, &right, terms, &product, scratch);
    for (size_t i = 0; is_fused(table) && i < rows; i++)
      for (size_t j = 0; j < columns; j++) {
        float sum = 0;
        for (size_t k = 0; k < terms; k++) sum = fmaf(term_of(left, i, k), term_of(right, j, k), sum);
        untouched[i * stride + j] = bias ? sum + bias[j] : sum;
      }
    if (is_fused(table)) expect_floats("the sums of terms", c, untouched, n);
    record_attention("a product", c, n);
  }
}

/// Numbers by codes, from the first lane and from the seventeenth on: what numbers by the values of those codes give.
static void check_floats_with_codes(int format) {
  slots_in_use = 0;
  const size_t blocks = (terms + 31) / 32, panels = (columns + 15) / 16;
  const tj_floats left = operand(rows, 1);
  const tj_slice numbers = {.x = filled(columns * terms, kind), .rows = columns, .columns = terms};
  const float outer_scale = outer_scale_of(numbers.x, columns * terms, format);
  const tj_quantizer quantizer = {
      .format = format, .rounding = 0, .fraction_threshold = 0x7fffff, .outer_scale = outer_scale};
  const tj_sink sink = {.kind = TJ_CODES,
                        .codes = guarded(panels * blocks * block_of(format)),
                        .scales = guarded(panels * blocks * scales_of(format)),
                        .blocks = blocks};
  CALL(quantize_rows, &numbers, &quantizer, &sink);
  const size_t slots_for_operands = slots_in_use;
  for (size_t first = 0; first < columns; first += 16) {
    slots_in_use = slots_for_operands;
    const size_t count = columns - first;
    const tj_packed right = {sink.codes, sink.scales, format, outer_scale, count, terms, first};
    float *values = guarded_floats(count * terms);
    CALL(dequantize_rows, &right, values);
    const tj_floats plain = {values, terms, 1};
    float *c = guarded_floats(rows * count), *expected = guarded_floats(rows * count);
    float *scratch = guarded_floats(CALL(float_scratch, count));
    CALL(multiply_floats, &left, &plain, terms, &(tj_float_product){expected, count, rows, count, NULL},
         scratch);
    CALL(multiply_floats_with_codes, &left, &right, &(tj_float_product){c, count, rows, count, NULL},
         scratch);
    expect_floats("numbers by codes", c, expected, rows * count);
  }
}

static void check_float_products(void) {
  static const size_t shapes[][3] = {{1, 1, 1},   {6, 16, 0},    {7, 17, 3},    {5, 64, 256},
                                     {13, 81, 5}, {12, 130, 20}, {31, 50, 300}, {2, 33, 520}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (is_at_end = 0; is_at_end < 2; is_at_end++)
      for (kind = 0; kind < KINDS; kind++) {
        rows = shapes[i][0];
        columns = shapes[i][1];
        terms = shapes[i][2];
        describe("%zu x %zu, %zu terms of %s numbers", rows, columns, terms, kind_names[kind]);
        for (size_t j = 0; j < table_count; j++) {
          if (j > 0 && kind != ORDINARY && !is_fused(results[j].kernels)) continue;
          start_run(&results[j], j == 0, 2000 + i);
          hash = &results[j].attention_hash;
          check_floats();
          for (int format = 0; is_packed(format); format++) check_floats_with_codes(format);
        }
      }
}

#endif
