// The outer scales of runs: of 128 neighbours each, from the first of a slice on.
#ifndef TJ_RUNS_H
#define TJ_RUNS_H

#include "group_scales.h"

/// Whether a run begins at an element, in a format that has any.
TJ_INLINE int begins_run(size_t index, const int format) {
  return formats[format].run && index % (size_t)formats[format].run == 0;
}

/// The bits of magnitudes that are finite; zeros for others, which have no scale.
TJ_INLINE vint finite_magnitudes(vfloat x) {
  const vint bits = magnitude_bits(x);
  return choose_int(is_broken(bits), (vint)0, bits);
}

/// The outer scales of runs whose largest magnitudes have these bits: BlockFormat.outerScale.
TJ_INLINE vfloat run_scales(vint bits, const tj_quantizer *quantizer, const int format) {
  const float number = quantizer->tries_four ? 256 : 448, most = largest_magnitude(format);
  const vfloat largest = as_float(bits);
  vfloat outer = largest / (number * most);
  const vint clips = largest / (number * outer) > most;
  if (quantizer->never_clips) outer = as_float(as_int(outer) - clips);
  outer = choose(outer < 0x1p-126f, splat(0x1p-126f), outer);
  return choose(bits == 0, splat(1), outer);
}

/// Those of the `length` > 0 columns from x on, or of a run of them, one in each of `rows` <= 8 rows.
TJ_INLINE vfloat row_run_scales(const float *x, size_t stride, size_t rows, size_t length,
                                const tj_quantizer *quantizer, const int format) {
  const size_t run = (size_t)formats[format].run, end = length < run ? length : run;
  vint largest[8];
  for (size_t i = 0; i < 8; i++) {
    largest[i] = (vint)0;
    for (size_t j = 0; i < rows && j < end; j += TJ_LANES)
      largest[i] = maximum_int(finite_magnitudes(load_some(x + i * stride + j, end - j)), largest[i]);
  }
  return run_scales(largest_lanes(largest), quantizer, format);
}

/// Those of `rows` rows from x on, one in each of `lanes` columns, or of sixteen.
TJ_INLINE vfloat column_run_scales(const float *x, size_t stride, size_t rows, size_t lanes,
                                   const tj_quantizer *quantizer, const int format) {
  vint largest = (vint)0;
  for (size_t i = 0; i < rows; i++)
    largest = maximum_int(finite_magnitudes(load_some(x + i * stride, lanes)), largest);
  return run_scales(largest, quantizer, format);
}

/// Writes as many of them behind a block's scale bytes, from a lane on.
TJ_INLINE void store_run_scales(uint8_t *scales, size_t lane, size_t count, vfloat outer, const int format) {
  if (!formats[format].run) return;
  memcpy(scales + run_scale_place(format) + lane * sizeof(float), &outer, count * sizeof(float));
}

#endif
