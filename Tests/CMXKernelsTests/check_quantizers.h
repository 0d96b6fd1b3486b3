// Quantizers that write numbers and quantizers that write packed matrices, and the counts of what they lose.
#ifndef TJ_CHECK_QUANTIZERS_H
#define TJ_CHECK_QUANTIZERS_H

#include "harness.h"

static size_t rows, columns; // of the matrix at hand
static data_kind kind;
static tj_quantizer quantizer, source_quantizer;
static const float *squares; // where squares of elements share scales; else null

typedef struct {
  uint8_t *codes, *scales;
  size_t blocks, block, scales_of_block; // and bytes of a block's codes, and of its scales
} packed;

static packed packed_matrix(size_t lanes, size_t length, int format) {
  const size_t blocks = panels_of(lanes) * blocks_of(length), block = block_of(format);
  const size_t scales = scales_of(format);
  return (packed){guarded(blocks * block), guarded(blocks * scales), blocks, block, scales};
}

static void record_packed(packed matrix) {
  record_bytes("codes", matrix.codes, matrix.blocks * matrix.block);
  record_bytes("scales", matrix.scales, matrix.blocks * matrix.scales_of_block);
}

static void expect_packed(const char *what, packed x, packed y) {
  expect_bytes(what, x.codes, y.codes, x.blocks * x.block);
  expect_bytes(what, x.scales, y.scales, x.blocks * x.scales_of_block);
}

static void set_outer_scale(tj_quantizer *reader, const float *x) {
  reader->outer_scale = outer_scale_of(x, rows * columns, reader->format);
}

/// Averages near the numbers, as they are in training, or anywhere.
static float *averages_of(const float *x) {
  float *averages = filled(rows * columns, kind);
  for (size_t i = 0; i < rows * columns; i++)
    if (draw_below(4) > 0) averages[i] = x[i] + x[i] * (float)((int32_t)draw_below(257) - 128) * 0x1p-10f;
  return averages;
}

/// The rows from `first` on, `count` of them, of the matrix at hand.
static tj_slice slice_of(const float *x, const float *ema, size_t first, size_t count) {
  return (tj_slice){.x = x + first * columns,
                    .ema = ema ? ema + first * columns : NULL,
                    .squares = squares,
                    .squares_stride = (columns + 15) / 16,
                    .rows = count,
                    .columns = columns,
                    .first_row = first};
}

/// The largest finite magnitudes of squares of 16 x 16.
static const float *squares_of(const float *x) {
  const size_t stride = (columns + 15) / 16;
  float *largest = guarded_floats((rows + 15) / 16 * stride);
  for (size_t i = 0; i < (rows + 15) / 16 * stride; i++) largest[i] = 0;
  for (size_t row = 0; row < rows; row++)
    for (size_t column = 0; column < columns; column++) {
      const float magnitude = fabsf(x[row * columns + column]);
      float *square = &largest[row / 16 * stride + column / 16];
      if (isfinite(magnitude) && magnitude > *square) *square = magnitude;
    }
  return largest;
}

static tj_sink into_packed(packed matrix, size_t length) {
  return (tj_sink){
      .kind = TJ_CODES, .codes = matrix.codes, .scales = matrix.scales, .blocks = blocks_of(length)};
}

enum { ALONG_ROWS, ALONG_COLUMNS };

static size_t quantize(int axis, tj_slice slice, tj_sink sink) {
  return axis == ALONG_ROWS ? CALL(quantize_rows, &slice, &quantizer, &sink)
                            : CALL(quantize_columns, &slice, &quantizer, &sink);
}

/// Quantizes the matrix at hand in one call, or in two that meet at row `cut`.
static size_t quantize_into(int axis, const float *x, const float *ema, tj_sink sink, size_t cut) {
  size_t broken = quantize(axis, slice_of(x, ema, 0, cut), sink);
  if (cut == rows) return broken;
  if (sink.kind == TJ_VALUES) sink.values += cut * columns;
  return broken + quantize(axis, slice_of(x, ema, cut, rows - cut), sink);
}

/// Some columns of the matrix at hand, behind each other.
static float *some_columns(const float *x, size_t first, size_t count) {
  float *part = guarded_floats(rows * count);
  for (size_t row = 0; row < rows; row++)
    memcpy(part + row * count, x + row * columns + first, count * sizeof *x);
  return part;
}

/// Quantizes the matrix at hand in two calls that meet at a column.
static size_t quantize_columnwise(int axis, const float *x, const float *ema, tj_sink sink, size_t cut) {
  size_t broken = 0;
  for (size_t first = 0; first <= cut; first += cut) {
    const size_t count = first == 0 ? cut : columns - cut;
    const float *averages = ema ? some_columns(ema, first, count) : NULL;
    const tj_slice slice = {.x = some_columns(x, first, count),
                            .ema = averages,
                            .squares = squares,
                            .squares_stride = (columns + 15) / 16,
                            .rows = rows,
                            .columns = count,
                            .first_column = first};
    broken += quantize(axis, slice, sink);
  }
  return broken;
}

static void dequantize(packed source, const tj_quantizer *by, size_t first, float *values) {
  const tj_packed slice = {source.codes, source.scales, by->format, by->outer_scale,
                           rows - first, columns,       first};
  CALL(dequantize_rows, &slice, values);
}

/// Numbers from numbers. Returns what quantizing along rows gives.
static float *check_rounding(const float *x, const float *ema, size_t cut) {
  const size_t n = rows * columns;
  float *along_rows = NULL;
  for (int axis = ALONG_ROWS; axis <= ALONG_COLUMNS; axis++) {
    tj_sink sink = {.kind = TJ_VALUES};
    float *out = sink.values = guarded_floats(n), *in_place = copy_of(x, n);
    size_t broken, again;
    broken = quantize_into(axis, x, ema, sink, rows);
    record_count("broken groups", broken);
    record_floats("out", out, n);
    sink.values = in_place;
    again = quantize_into(axis, in_place, ema, sink, rows);
    expect_floats("in place", in_place, out, n);
    expect_count("broken groups in place", again, broken);
    if (cut < rows) {
      float *sliced = sink.values = guarded_floats(n);
      again = quantize_into(axis, x, ema, sink, cut);
      expect_floats("in slices", sliced, out, n);
      expect_count("broken groups in slices", again, broken);
    }
    if (axis == ALONG_ROWS) along_rows = out;
    tj_losses losses = {0};
    again = quantize_into(axis, x, ema, (tj_sink){.kind = TJ_COUNTS, .losses = &losses}, rows);
    expect_count("broken groups counted", again, broken);
    record_count("saturated", losses.saturated);
    size_t zeros = 0;
    // (Numbers on the grid of the whole matrix are in its unit.)
    for (size_t i = 0; i < n; i++) zeros += out[i] == 0 && x[i] != 0;
    expect_count("underflowed", losses.underflowed, zeros);
  }
  return along_rows;
}

/// Codes from numbers, of which `along_rows` are the values.
static void check_packing(const float *x, const float *ema, size_t cut, float *along_rows) {
  const size_t n = rows * columns;
  const packed by_rows = packed_matrix(rows, columns, quantizer.format);
  const size_t broken = quantize_into(ALONG_ROWS, x, ema, into_packed(by_rows, columns), rows);
  record_count("broken groups", broken);
  record_packed(by_rows);
  if (cut < rows) {
    const packed sliced = packed_matrix(rows, columns, quantizer.format);
    const size_t again = quantize_into(ALONG_ROWS, x, ema, into_packed(sliced, columns), cut);
    expect_packed("in slices", sliced, by_rows);
    expect_count("broken groups in slices", again, broken);
  }
  const size_t cut_column = cut_of(quantizer.format);
  if (columns > cut_column) {
    const packed sliced = packed_matrix(rows, columns, quantizer.format);
    const size_t again = quantize_columnwise(ALONG_ROWS, x, ema, into_packed(sliced, columns), cut_column);
    expect_packed("in slices of columns", sliced, by_rows);
    expect_count("broken groups in slices of columns", again, broken);
  }

  float *values = guarded_floats(n);
  dequantize(by_rows, &quantizer, 0, values);
  record_floats("values", values, n);
  if (quantizer.format == INT4)
    for (size_t i = 0; i < n; i++) along_rows[i] *= quantizer.outer_scale;
  expect_floats("what quantize_rows gives", values, along_rows, n);
  if (rows > LANES) {
    float *slice = guarded_floats(n - LANES * columns);
    dequantize(by_rows, &quantizer, LANES, slice);
    expect_floats("in slices", slice, values + LANES * columns, n - LANES * columns);
  }

  const packed by_columns = packed_matrix(columns, rows, quantizer.format);
  record_count("broken groups", quantize_into(ALONG_COLUMNS, x, ema, into_packed(by_columns, rows), rows));
  record_packed(by_columns);
  if (cut < rows) {
    const packed sliced = packed_matrix(columns, rows, quantizer.format);
    quantize_into(ALONG_COLUMNS, x, ema, into_packed(sliced, rows), cut);
    expect_packed("in slices", sliced, by_columns);
  }
  if (columns > cut_column) {
    const packed sliced = packed_matrix(columns, rows, quantizer.format);
    quantize_columnwise(ALONG_COLUMNS, x, ema, into_packed(sliced, rows), cut_column);
    expect_packed("in slices of columns", sliced, by_columns);
  }
}

static void check_quantize(void) {
  const size_t unit = cut_of(quantizer.format), cut = (rows / 2 + unit - 1) / unit * unit;
  const float *x = filled(rows * columns, kind);
  const float *ema = quantizer.rounding == MOVING_AVERAGE ? averages_of(x) : NULL;
  set_outer_scale(&quantizer, x);
  squares = quantizer.format == NVFP4 && kind == ORDINARY ? squares_of(x) : NULL;
  float *along_rows = check_rounding(x, ema, cut);
  if (is_packed(quantizer.format)) check_packing(x, ema, cut, along_rows);
  squares = NULL;
}

/// Quantizes rows of the packed matrix again, along their columns.
static size_t requantize(packed source, packed out, size_t first, size_t count) {
  const tj_packed slice = {
      source.codes, source.scales, source_quantizer.format, source_quantizer.outer_scale, count,
      columns,      first};
  const tj_sink sink = into_packed(out, rows);
  return CALL(requantize_columns, &slice, &quantizer, &sink);
}

static void check_requantize(void) {
  const size_t n = rows * columns, cut = (rows / 2 + GROUP - 1) / GROUP * GROUP;
  const float *x = filled(n, kind);
  float *values = guarded_floats(n);
  const packed source = packed_matrix(rows, columns, source_quantizer.format);
  set_outer_scale(&source_quantizer, x);
  const tj_slice slice = slice_of(x, NULL, 0, rows);
  const tj_sink sink = into_packed(source, columns);
  CALL(quantize_rows, &slice, &source_quantizer, &sink);
  dequantize(source, &source_quantizer, 0, values);
  set_outer_scale(&quantizer, values);
  const packed again = packed_matrix(columns, rows, quantizer.format);
  const packed direct = packed_matrix(columns, rows, quantizer.format);
  const size_t expected = quantize_into(ALONG_COLUMNS, values, NULL, into_packed(direct, rows), rows);
  const size_t broken = requantize(source, again, 0, rows);
  record_count("broken groups", broken);
  record_packed(again);
  expect_packed("what quantize_columns makes of the values", again, direct);
  expect_count("broken groups", broken, expected);
  if (cut < rows) {
    const packed sliced = packed_matrix(columns, rows, quantizer.format);
    requantize(source, sliced, 0, cut);
    requantize(source, sliced, cut, rows - cut);
    expect_packed("in slices", sliced, again);
  }
}

static tj_quantizer make_quantizer(int format, int rounding, int rule) {
  // Truncation-free, ceil, even, floor and uos, as ScaleRule.swift has them.
  static const int32_t thresholds[FORMATS][RULES] = {{0x400000, 0, 0x5fffff, 0x7fffff, 0x680000},
                                                     {0, 0, 0x3fffff, 0x7fffff, 0x680000},
                                                     {0x600000, 0, 0x6fffff, 0x7fffff, 0x680000},
                                                     {0x700000, 0, 0x77ffff, 0x7fffff, 0x680000},
                                                     {0},
                                                     {0x600000, 0, 0x6fffff, 0x7fffff, 0x680000},
                                                     {0x600000, 0, 0x77ffff, 0x7fffff, 0x680000},
                                                     {0x600000, 0, 0x6fffff, 0x7fffff, 0x680000},
                                                     {0}};
  return (tj_quantizer){.format = format,
                        .rounding = rounding,
                        .fraction_threshold = thresholds[format][rule],
                        .never_clips = rule == 0 || (has_numbers(format) && rule == 1),
                        .tries_four = has_numbers(format) && (rule == 1 || rule == 2),
                        .outer_scale = 1,
                        .key = {0x12345678, 0x9abcdef0},
                        .stream = {(uint32_t)rule, 0xfedcba98}};
}

static void check_quantizers(void) {
  static const size_t shapes[][2] = {{1, 1},   {1, 31},  {3, 33},   {8, 32},   {32, 16}, {33, 50},
                                     {64, 64}, {17, 15}, {50, 100}, {197, 40}, {31, 197}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (int format = 0; format < FORMATS; format++) {
      // Formats without packed matrices share one loop: one shape with edges on both sides shows it.
      if (!is_packed(format) && shapes[i][0] != 33) continue;
      for (int rounding = 0; rounding < ROUNDINGS; rounding++)
        for (int rule = 0; rule < RULES; rule++) {
          rows = shapes[i][0];
          columns = shapes[i][1];
          // Edges of large matrices are the same by every rule.
          if (rows * columns > 2048 && rule != (int)i % RULES) continue;
          for (kind = 0; kind < KINDS; kind++) {
            quantizer = make_quantizer(format, rounding, rule);
            describe("%zu x %zu %s numbers, format %d, rounding %d, scale rule %d", rows, columns,
                     kind_names[kind], format, rounding, rule);
            is_at_end = (int)(kind + (unsigned)rule) % 2;
            run_on_every_table(check_quantize);
            // Packed matrices have no averages, and runs must be known before they are quantized.
            if (rounding == MOVING_AVERAGE || !is_packed(format) || format == NVFP4_RUNS) continue;
            source_quantizer = make_quantizer((format + rule) % (NVFP4 + 1), NEAREST_EVEN, rule);
            run_on_every_table(check_requantize);
          }
        }
    }
}

#endif
