// The quantizers: one traversal for groups along rows and one for groups along columns, whatever becomes of what they
// round (sinks.h).
#ifndef TJ_TRAVERSAL_H
#define TJ_TRAVERSAL_H

#include "group_scales.h"
#include "random.h"
#include "rotation.h"
#include "runs.h"

/// How many columns ahead a strip of rows is fetched: its lines lie rows apart, which the hardware does not
/// foresee. Two to six groups ahead measured alike, one and a half to twice as fast as none.
enum { TJ_AHEAD = 64 };

/// What one group, or neighbouring ones, are read from: numbers with `stride` from row to row, the first of which stands
/// at `row` and `column` of the whole matrix.
typedef struct {
  const float *x, *ema;
  size_t stride, row, column;
  const float *squares; // those of the groups' squares, where they share scales; else null
  size_t squares_stride;
} group_source;

TJ_INLINE group_source source_at(const tj_slice *slice, size_t row, size_t column, const int rounding) {
  const size_t offset = row * slice->columns + column;
  const float *ema = rounding == TJ_EMA ? slice->ema + offset : NULL;
  group_source source = {
      slice->x + offset, ema, slice->columns, slice->first_row + row, slice->first_column + column, NULL, 0};
  if (slice->squares) {
    source.squares_stride = slice->squares_stride;
    source.squares =
        slice->squares + source.row / TJ_LANES * source.squares_stride + source.column / TJ_LANES;
  }
  return source;
}

/// Groups along rows: those of `length` <= 32 neighbouring columns, one or two, in each of `rows` <= 8 rows, from a multiple
/// of 8 on, under the rows' outer scales. In a packed matrix the rows from `rows` to 8 become zeros. Returns how many are broken.
TJ_INLINE size_t row_groups(group_source source, size_t rows, size_t length, vfloat outer,
                            const tj_quantizer *quantizer, sink_place to, const int kind, const int format,
                            const int rounding) {
  const size_t first = length < TJ_LANES ? length : TJ_LANES, second = length - first;
  vuint words[2][4], pairs[4] = {(vuint)0, (vuint)0, (vuint)0, (vuint)0};
  const size_t lane = source.row % TJ_LANES;
  if (rounding == TJ_STOCHASTIC) {
    philox((uint32_t)source.column, (uint32_t)(source.row / 8), quantizer, words[0]);
    philox((uint32_t)source.column + TJ_LANES, (uint32_t)(source.row / 8), quantizer, words[1]);
  }
  const size_t groups = groups_of(format);
  vint magnitudes[2][8];
  for (size_t half = 0; half < groups; half++)
    for (size_t i = 0; i < 8; i++) magnitudes[half][i] = (vint)0;
  for (size_t i = 0; i < rows; i++) {
    const float *x = source.x + i * source.stride;
    const vint left = magnitude_bits(load_some(x, first));
    const vint right = magnitude_bits(load_some(x + first, second));
    magnitudes[0][i] = groups == 1 ? maximum_int(left, right) : left;
    if (groups == 2) magnitudes[1][i] = right;
  }
  // One lane a row.
  group_scales scales[2];
  for (size_t half = 0; half < groups; half++)
    scales[half] =
        scales_of(largest_lanes(magnitudes[half]),
                  groups == 2 && source.squares && half * TJ_LANES < length ? source.squares + half : NULL,
                  outer, quantizer, format);
  if (groups == 2 && quantizer->tries_four)
    for (size_t half = 0; half < 2; half++)
      scales[half] =
          better_row_scales(scales[half], largest_lanes(magnitudes[half]), source.x + half * TJ_LANES,
                            source.stride, rows, half == 0 ? first : second, quantizer, format);
  size_t broken_groups = count_broken(&scales[0]);
  if (groups == 2) broken_groups += count_broken(&scales[1]);
  const group_scales *left_scales = &scales[0], *right_scales = &scales[groups - 1];
  for (size_t i = 0; i < rows; i++) {
    const size_t at = i * source.stride;
    const vfloat a = load_some(source.x + at, first), b = load_some(source.x + at + first, second);
    vfloat ema_a = splat(0), ema_b = splat(0);
    vint noise_a = (vint)0, noise_b = (vint)0;
    if (rounding == TJ_EMA) {
      ema_a = load_some(source.ema + at, first);
      ema_b = load_some(source.ema + at + first, second);
    }
    if (rounding == TJ_STOCHASTIC) {
      noise_a = rounding_noise(words[0], i);
      noise_b = rounding_noise(words[1], i);
    }
    const rounded_lanes left =
        round_lanes(a, ema_a, noise_a, splat(left_scales->factors[i]), format, rounding);
    const rounded_lanes right =
        round_lanes(b, ema_b, noise_b, splat(right_scales->factors[i]), format, rounding);
    vint left_nan = (vint)0, right_nan = (vint)0;
    if (broken_groups > 0) {
      left_nan = (vint)left_scales->broken[i];
      right_nan = (vint)right_scales->broken[i];
    }
    if (kind == TJ_VALUES) {
      float *values = to.values + i * to.stride;
      store_some(values, lane_values(left, splat(left_scales->values[i]), left_nan, format), first);
      store_some(values + first, lane_values(right, splat(right_scales->values[i]), right_nan, format),
                 second);
    } else if (kind == TJ_CODES) {
      const vuint a_codes = lane_codes(left, format) & (vuint)~left_nan;
      const vuint b_codes = lane_codes(right, format) & (vuint)~right_nan;
      if (is_wide(format))
        store_wide_lane(to.codes, lane + i, a_codes, b_codes);
      else
        pairs[i / 2] |= (a_codes | b_codes << 8) << (uint32_t)(i % 2 * 16);
    } else {
      count_lanes(left, left_nan, to.losses, format);
      count_lanes(right, right_nan, to.losses, format);
    }
  }
  if (kind == TJ_CODES) {
    if (!is_wide(format)) store_lanes(to.codes, lane, pairs);
    for (size_t i = rows; is_wide(format) && i < 8; i++)
      store_wide_lane(to.codes, lane + i, (vuint)0, (vuint)0);
    for (size_t half = 0; half < groups; half++)
      store_scales(to.scales + half * TJ_LANES + lane, &scales[half], 8, format);
    store_run_scales(to.scales, lane, 8, outer, format);
  }
  return broken_groups;
}

TJ_INLINE size_t quantize_rows_as(const tj_slice *slice, const tj_quantizer *quantizer, const tj_sink *sink,
                                  const int kind, const int format, const int rounding) {
  const size_t rows = slice->rows, columns = slice->columns, blocks = blocks_of(columns);
  const size_t first_block = slice->first_column / TJ_BLOCK_LENGTH;
  size_t broken_groups = 0;
  for (size_t row = 0; row < rows; row += 8) {
    const size_t count = rows - row < 8 ? rows - row : 8;
    const size_t panel = (slice->first_row + row) / TJ_LANES * sink->blocks + first_block;
    vfloat outer = splat(quantizer->outer_scale);
    for (size_t block = 0; block < blocks; block++) {
      const size_t column = block * TJ_BLOCK_LENGTH, length = columns - column;
      if (begins_run(column, format))
        outer = row_run_scales(slice->x + row * columns + column, columns, count, length, quantizer, format);
      group_source source = source_at(slice, row, column, rounding);
      const sink_place to = place_in(sink, row * columns + column, columns, panel + block, kind, format);
      for (size_t i = 0; i < count; i++) {
        __builtin_prefetch(source.x + i * columns + TJ_AHEAD);
        __builtin_prefetch(source.x + i * columns + TJ_AHEAD + 16);
      }
      float rotated[8][TJ_BLOCK_LENGTH], averages[8][TJ_BLOCK_LENGTH];
      if (quantizer->rotates && length >= TJ_BLOCK_LENGTH) {
        rotate_row_groups(source.x, columns, count, rotated);
        if (rounding == TJ_EMA) rotate_row_groups(source.ema, columns, count, averages);
        source.x = rotated[0], source.ema = averages[0], source.stride = TJ_BLOCK_LENGTH;
      }
      // The whole block as constants is straight code.
      if (count == 8 && length >= TJ_BLOCK_LENGTH)
        broken_groups += row_groups(source, 8, TJ_BLOCK_LENGTH, outer, quantizer, to, kind, format, rounding);
      else
        broken_groups += row_groups(source, count, length < TJ_BLOCK_LENGTH ? length : TJ_BLOCK_LENGTH, outer,
                                    quantizer, to, kind, format, rounding);
    }
  }
  const size_t end = slice->first_row + rows;
  if (kind == TJ_CODES && rows % TJ_LANES) {
    const sink_place to = place_in(sink, 0, 0, end / TJ_LANES * sink->blocks + first_block, kind, format);
    clear_lanes(end % TJ_LANES, blocks, to.codes, to.scales, format);
  }
  return broken_groups;
}

/// Groups along columns: those of `rows` <= 32 rows, one or two, in each of `lanes` <= 16 neighbouring columns, under the columns'
/// outer scales. In a packed matrix the lanes beyond `lanes` become zeros. Returns how many are broken.
TJ_INLINE size_t column_groups(group_source source, size_t rows, size_t lanes, vfloat outer,
                               const tj_quantizer *quantizer, sink_place to, const int kind, const int format,
                               const int rounding) {
  const size_t length = (size_t)formats[format].group;
  size_t broken_groups = 0;
  group_scales scales[2];
  for (size_t half = 0; half < groups_of(format); half++) {
    vint largest = (vint)0;
    for (size_t i = half * length; i < rows && i < (half + 1) * length; i++)
      largest = maximum_int(magnitude_bits(load_some(source.x + i * source.stride, lanes)), largest);
    const float *square =
        source.squares && half * length < rows ? source.squares + half * source.squares_stride : NULL;
    scales[half] = scales_of(largest, groups_of(format) == 2 ? square : NULL, outer, quantizer, format);
    if (groups_of(format) == 2 && quantizer->tries_four)
      scales[half] =
          better_column_scales(scales[half], largest, source.x + half * length * source.stride, source.stride,
                               rows < half * length ? 0 : rows - half * length, lanes, quantizer, format);
    broken_groups += count_broken(&scales[half]);
    if (kind == TJ_CODES) store_scales(to.scales + half * TJ_LANES, &scales[half], TJ_LANES, format);
  }
  if (kind == TJ_CODES) store_run_scales(to.scales, 0, TJ_LANES, outer, format);
  for (size_t t = 0; t < TJ_BLOCK_LENGTH / 8; t++) {
    const group_scales *group = &scales[8 * t / length];
    const vfloat factor = load(group->factors);
    const vint broken = group->broken;
    vuint packed[2] = {(vuint)0, (vuint)0}, words[4]; // of four rows each where codes are wide, else of eight
    const size_t count = rows < 8 * t ? 0 : rows - 8 * t < 8 ? rows - 8 * t : 8;
    if (rounding == TJ_STOCHASTIC && count > 0)
      philox((uint32_t)source.column, (uint32_t)(source.row / 8 + t), quantizer, words);
    for (size_t i = 0; i < count; i++) {
      const size_t at = (8 * t + i) * source.stride;
      vfloat average = splat(0);
      vint noise = (vint)0;
      if (rounding == TJ_EMA) average = load_some(source.ema + at, lanes);
      if (rounding == TJ_STOCHASTIC) noise = rounding_noise(words, i);
      const vfloat x = load_some(source.x + at, lanes);
      const rounded_lanes rounded = round_lanes(x, average, noise, factor, format, rounding);
      if (kind == TJ_VALUES)
        store_some(to.values + (8 * t + i) * to.stride,
                   lane_values(rounded, load(group->values), broken, format), lanes);
      else if (kind == TJ_CODES && is_wide(format))
        packed[i / 4] |= (lane_codes(rounded, format) & (vuint)~broken) << (uint32_t)(i % 4 * 8);
      else if (kind == TJ_CODES)
        packed[0] |= (lane_codes(rounded, format) & (vuint)~broken) << (uint32_t)(i % 4 * 8 + i / 4 * 4);
      else
        count_lanes(rounded, broken, to.losses, format);
    }
    const size_t bytes = is_wide(format) ? sizeof packed : sizeof *packed;
    if (kind == TJ_CODES) memcpy(to.codes + t * bytes, packed, bytes);
  }
  return broken_groups;
}

/// The groups of a strip of up to 32 rows, which are all the columns' own.
TJ_INLINE size_t strip_groups(group_source source, size_t rows, size_t lanes, vfloat outer,
                              const tj_quantizer *quantizer, sink_place to, const int kind, const int format,
                              const int rounding) {
  float rotated[TJ_BLOCK_LENGTH][TJ_LANES], averages[TJ_BLOCK_LENGTH][TJ_LANES];
  if (quantizer->rotates && rows == TJ_BLOCK_LENGTH) {
    const size_t some = lanes < TJ_LANES ? lanes : TJ_LANES;
    rotate_column_groups(source.x, source.stride, some, rotated);
    if (rounding == TJ_EMA) rotate_column_groups(source.ema, source.stride, some, averages);
    source.x = rotated[0], source.ema = averages[0], source.stride = TJ_LANES;
  }
  // The whole block as constants is straight code.
  if (rows == TJ_BLOCK_LENGTH && lanes >= TJ_LANES)
    return column_groups(source, TJ_BLOCK_LENGTH, TJ_LANES, outer, quantizer, to, kind, format, rounding);
  return column_groups(source, rows, lanes < TJ_LANES ? lanes : TJ_LANES, outer, quantizer, to, kind, format,
                       rounding);
}

TJ_INLINE size_t quantize_columns_as(const tj_slice *slice, const tj_quantizer *quantizer,
                                     const tj_sink *sink, const int kind, const int format,
                                     const int rounding) {
  const size_t rows = slice->rows, columns = slice->columns;
  const size_t run = formats[format].run ? (size_t)formats[format].run : TJ_BLOCK_LENGTH;
  size_t broken_groups = 0;
  for (size_t first = 0; first < rows; first += run) {
    const size_t end = rows - first < run ? rows : first + run;
    for (size_t column = 0; column < columns; column += TJ_LANES) {
      vfloat outer = splat(quantizer->outer_scale);
      if (begins_run(first, format))
        outer = column_run_scales(slice->x + first * columns + column, columns, end - first, columns - column,
                                  quantizer, format);
      for (size_t row = first; row < end; row += TJ_BLOCK_LENGTH) {
        const size_t count = end - row < TJ_BLOCK_LENGTH ? end - row : TJ_BLOCK_LENGTH;
        const group_source source = source_at(slice, row, column, rounding);
        const size_t block = source.column / TJ_LANES * sink->blocks + source.row / TJ_BLOCK_LENGTH;
        const sink_place to = place_in(sink, row * columns + column, columns, block, kind, format);
        for (size_t i = 0; i < count; i++) __builtin_prefetch(source.x + i * columns + TJ_AHEAD);
        broken_groups +=
            strip_groups(source, count, columns - column, outer, quantizer, to, kind, format, rounding);
      }
    }
  }
  return broken_groups;
}

/// Double quantization: rows of a matrix packed along its rows, read as values, quantized along its columns.
TJ_INLINE size_t requantize_columns_as(const tj_packed *source, const tj_quantizer *quantizer,
                                       const tj_sink *sink, const int kind, const int format,
                                       const int rounding) {
  const size_t blocks = blocks_of(source->columns);
  size_t broken_groups = 0;
  for (size_t start = 0; start < source->rows; start += TJ_BLOCK_LENGTH) {
    const size_t row = source->first_row + start;
    const size_t count = source->rows - start < TJ_BLOCK_LENGTH ? source->rows - start : TJ_BLOCK_LENGTH;
    for (size_t number = 0; number < blocks; number++) {
      float values[TJ_BLOCK_LENGTH][TJ_BLOCK_LENGTH];
      for (size_t half = 0; half * TJ_LANES < count; half++) {
        decode_block(source, (row / TJ_LANES + half) * blocks + number, values + half * TJ_LANES);
      }
      for (size_t half = 0; half < TJ_BLOCK_LENGTH; half += TJ_LANES) {
        const size_t column = number * TJ_BLOCK_LENGTH + half;
        if (column >= source->columns) break;
        const group_source lanes = {values[0] + half, NULL, TJ_BLOCK_LENGTH, row, column, NULL, 0};
        const size_t block = column / TJ_LANES * sink->blocks + row / TJ_BLOCK_LENGTH;
        // A NaN scale reaches the elements beyond the matrix too: the last lanes need their bound.
        broken_groups +=
            strip_groups(lanes, count, source->columns - column, splat(quantizer->outer_scale), quantizer,
                         place_in(sink, 0, 0, block, kind, format), kind, format, rounding);
      }
    }
  }
  return broken_groups;
}

static size_t quantize_rows(const tj_slice *slice, const tj_quantizer *quantizer, const tj_sink *sink) {
  switch (sink->kind) {
  case TJ_VALUES: TJ_FOR_VALUES(quantize_rows_as, slice, quantizer, sink, TJ_VALUES)
  case TJ_CODES: TJ_FOR_CODES(quantize_rows_as, slice, quantizer, sink, TJ_CODES)
  default: TJ_BY_ROUNDING(quantizer->format, quantize_rows_as, slice, quantizer, sink, TJ_COUNTS)
  }
}

static size_t quantize_columns(const tj_slice *slice, const tj_quantizer *quantizer, const tj_sink *sink) {
  switch (sink->kind) {
  case TJ_VALUES: TJ_FOR_VALUES(quantize_columns_as, slice, quantizer, sink, TJ_VALUES)
  case TJ_CODES: TJ_FOR_CODES(quantize_columns_as, slice, quantizer, sink, TJ_CODES)
  default: TJ_BY_ROUNDING(quantizer->format, quantize_columns_as, slice, quantizer, sink, TJ_COUNTS)
  }
}

static size_t requantize_columns(const tj_packed *source, const tj_quantizer *quantizer,
                                 const tj_sink *sink) {
  TJ_FOR_CODES(requantize_columns_as, source, quantizer, sink, TJ_CODES)
}

#endif
