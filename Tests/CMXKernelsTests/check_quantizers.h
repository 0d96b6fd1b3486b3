// Quantizers that write numbers and quantizers that write packed matrices, and the counts of what they lose.
#ifndef TJ_CHECK_QUANTIZERS_H
#define TJ_CHECK_QUANTIZERS_H

#include "harness.h"

static size_t rows, columns; // of the matrix at hand
static data_kind kind;
static tj_quantizer quantizer, source_quantizer;

typedef struct {
  uint8_t *codes, *scales;
  size_t blocks;
} packed;

static packed packed_matrix(size_t lanes, size_t length) {
  const size_t blocks = panels_of(lanes) * groups_of(length);
  return (packed){guarded(blocks * BLOCK), guarded(blocks * LANES), blocks};
}

static void record_packed(packed matrix) {
  record_bytes("codes", matrix.codes, matrix.blocks * BLOCK);
  record_bytes("scales", matrix.scales, matrix.blocks * LANES);
}

static void expect_packed(const char *what, packed x, packed y) {
  expect_bytes(what, x.codes, y.codes, x.blocks * BLOCK);
  expect_bytes(what, x.scales, y.scales, x.blocks * LANES);
}

/// Averages near the numbers, as they are in training, or anywhere.
static float *averages_of(const float *x) {
  float *averages = filled(rows * columns, kind);
  for (size_t i = 0; i < rows * columns; i++)
    if (draw_below(4) > 0) averages[i] = x[i] + x[i] * (float)((int32_t)draw_below(257) - 128) * 0x1p-10f;
  return averages;
}

static void check_quantize(void) {
  const size_t n = rows * columns, cut = (rows / 2 + GROUP - 1) / GROUP * GROUP;
  const float *x = filled(n, kind);
  const float *ema = quantizer.rounding == MOVING_AVERAGE ? averages_of(x) : NULL;
  const float *ema_cut = ema ? ema + cut * columns : NULL;
  float *along_rows = NULL;
  for (int axis = 0; axis < 2; axis++) {
    float *out = guarded_floats(n), *in_place = copy_of(x, n);
    size_t broken, again;
#define QUANTIZE(...) (axis == 0 ? CALL(quantize_rows, __VA_ARGS__) : CALL(quantize_columns, __VA_ARGS__))
    broken = QUANTIZE(x, ema, out, rows, columns, 0, &quantizer);
    record_count("broken groups", broken);
    record_floats("out", out, n);
    again = QUANTIZE(in_place, ema, in_place, rows, columns, 0, &quantizer);
    expect_floats("in place", in_place, out, n);
    expect_count("broken groups in place", again, broken);
    if (cut < rows) {
      float *sliced = guarded_floats(n);
      again = QUANTIZE(x, ema, sliced, cut, columns, 0, &quantizer);
      again +=
          QUANTIZE(x + cut * columns, ema_cut, sliced + cut * columns, rows - cut, columns, cut, &quantizer);
      expect_floats("in slices", sliced, out, n);
      expect_count("broken groups in slices", again, broken);
    }
    if (axis == 0) along_rows = out;
    tj_losses losses = {0};
    CALL(count_losses, x, ema, rows, columns, 0, axis, &quantizer, &losses);
    record_count("saturated", losses.saturated);
    size_t zeros = 0;
    for (size_t i = 0; i < n; i++) zeros += out[i] == 0 && x[i] != 0;
    expect_count("underflowed", losses.underflowed, zeros);
  }

  const packed by_rows = packed_matrix(rows, columns);
  const size_t broken = CALL(pack_rows, x, ema, rows, columns, 0, &quantizer, by_rows.codes, by_rows.scales);
  record_count("broken groups", broken);
  record_packed(by_rows);
  if (cut < rows) {
    const packed sliced = packed_matrix(rows, columns);
    size_t again = CALL(pack_rows, x, ema, cut, columns, 0, &quantizer, sliced.codes, sliced.scales);
    again += CALL(pack_rows, x + cut * columns, ema_cut, rows - cut, columns, cut, &quantizer, sliced.codes,
                  sliced.scales);
    expect_packed("in slices", sliced, by_rows);
    expect_count("broken groups in slices", again, broken);
  }

  float *values = guarded_floats(n);
  CALL(unpack_rows, by_rows.codes, by_rows.scales, quantizer.format, rows, columns, 0, values);
  record_floats("values", values, n);
  expect_floats("what quantize_rows gives", values, along_rows, n);
  if (rows > LANES) {
    float *slice = guarded_floats(n - LANES * columns);
    CALL(unpack_rows, by_rows.codes, by_rows.scales, quantizer.format, rows - LANES, columns, LANES, slice);
    expect_floats("in slices", slice, values + LANES * columns, n - LANES * columns);
  }

  const packed by_columns = packed_matrix(columns, rows);
  record_count("broken groups", CALL(pack_columns, x, ema, rows, columns, 0, groups_of(rows), &quantizer,
                                     by_columns.codes, by_columns.scales));
  record_packed(by_columns);
  if (cut < rows) {
    const packed sliced = packed_matrix(columns, rows);
    CALL(pack_columns, x, ema, cut, columns, 0, groups_of(rows), &quantizer, sliced.codes, sliced.scales);
    CALL(pack_columns, x + cut * columns, ema_cut, rows - cut, columns, cut, groups_of(rows), &quantizer,
         sliced.codes, sliced.scales);
    expect_packed("in slices", sliced, by_columns);
  }
}

static void check_repack(void) {
  const size_t n = rows * columns, cut = (rows / 2 + GROUP - 1) / GROUP * GROUP;
  const float *x = filled(n, kind);
  float *values = guarded_floats(n);
  const packed source = packed_matrix(rows, columns);
  CALL(pack_rows, x, NULL, rows, columns, 0, &source_quantizer, source.codes, source.scales);
  CALL(unpack_rows, source.codes, source.scales, source_quantizer.format, rows, columns, 0, values);
  const packed repacked = packed_matrix(columns, rows), direct = packed_matrix(columns, rows);
  const size_t expected_broken = CALL(pack_columns, values, NULL, rows, columns, 0, groups_of(rows),
                                      &quantizer, direct.codes, direct.scales);
  size_t broken = CALL(repack_columns, source.codes, source.scales, source_quantizer.format, rows, columns, 0,
                       groups_of(rows), &quantizer, repacked.codes, repacked.scales);
  record_count("broken groups", broken);
  record_packed(repacked);
  expect_packed("what pack_columns makes of the values", repacked, direct);
  expect_count("broken groups", broken, expected_broken);
  if (cut < rows) {
    const packed sliced = packed_matrix(columns, rows);
    CALL(repack_columns, source.codes, source.scales, source_quantizer.format, cut, columns, 0,
         groups_of(rows), &quantizer, sliced.codes, sliced.scales);
    CALL(repack_columns, source.codes, source.scales, source_quantizer.format, rows - cut, columns, cut,
         groups_of(rows), &quantizer, sliced.codes, sliced.scales);
    expect_packed("in slices", sliced, repacked);
  }
}

static tj_quantizer make_quantizer(int format, int rounding, int rule) {
  // Truncation-free, ceil, even, floor and uos, as ScaleRule.swift has them.
  static const int32_t thresholds[FORMATS][RULES] = {{0x400000, 0, 0x5fffff, 0x7fffff, 0x680000},
                                                     {0, 0, 0x3fffff, 0x7fffff, 0x680000}};
  return (tj_quantizer){.format = format,
                        .rounding = rounding,
                        .maximum_exponent = format == E2M1 ? 2 : 4,
                        .fraction_threshold = thresholds[format][rule],
                        .key = {0x12345678, 0x9abcdef0},
                        .stream = {(uint32_t)rule, 0xfedcba98}};
}

static void check_quantizers(void) {
  static const size_t shapes[][2] = {{1, 1},   {1, 31},  {3, 33},   {8, 32},   {32, 16}, {33, 50},
                                     {64, 64}, {17, 15}, {50, 100}, {197, 40}, {31, 197}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (int format = 0; format < FORMATS; format++)
      for (int rounding = 0; rounding < ROUNDINGS; rounding++)
        for (int rule = 0; rule < RULES; rule++)
          for (kind = 0; kind < KINDS; kind++) {
            rows = shapes[i][0];
            columns = shapes[i][1];
            quantizer = make_quantizer(format, rounding, rule);
            describe("%zu x %zu %s numbers, format %d, rounding %d, scale rule %d", rows, columns,
                     kind_names[kind], format, rounding, rule);
            is_at_end = (int)(kind + (unsigned)rule) % 2;
            run_on_every_table(check_quantize);
            if (rounding == MOVING_AVERAGE) continue; // packed matrices have no averages
            source_quantizer = make_quantizer((format + rule) % FORMATS, NEAREST_EVEN, rule);
            run_on_every_table(check_repack);
          }
}

#endif
