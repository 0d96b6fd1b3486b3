// The product of packed matrices: expansion of panels to bytes, and the loop over an instruction set's tile.
//
// A group's dot product d is an exact integer. The reference adds fma(d unit_a, unit_b, sum), group by group, where a unit
// is a scale times the format's smallest step; d unit_a is exact, too, but under outer scales of runs. Most of the time it costs neither a
// conversion nor a multiplication: the integer sum starts at the bits of magic = 1.5 2^23 unit_a, whose
// last place is worth unit_a, so that the finished sum, read as a float, is magic + d unit_a, and one
// exact subtraction leaves d unit_a. Panels with a scale so large that magic would overflow are "huge": there d is
// converted and multiplied. So are all whose scales are no powers of two. Where the scales of both sides are "near" 1, an
// instruction set may add the exponent of unit_b to both the sum and magic: the exact subtraction leaves d unit_a unit_b, and
// an addition does the rest, with the same rounding.
//
// Where the hardware multiplies unsigned by signed bytes, the right operand is stored as its code plus an
// offset, and the left operand's sums correct the start of the integer sum.
//
// An instruction set brings, before including this file:
//   TJ_TILE_PANELS  how many right panels its tile takes at most
//   TJ_UNSIGNED     whether its right bytes carry the offset
//   TJ_ADDS_EXPONENTS, if it has that, whether its tile has an end of its own for near scales
//   lookup_bytes    64 table look-ups
//   add_lane_sums   adds up the four signed bytes of every lane (only where TJ_UNSIGNED)
//   tile            4 rows x (16 panels) columns of the product
#ifndef TJ_PRODUCT_H
#define TJ_PRODUCT_H

#include "blocks.h"
#include "groups.h"

enum { TJ_TILE_ROWS = 4 };

/// What codes become: signed bytes in units of the format's smallest step, and an offset.
typedef struct {
  byte_tables tables; // signed, with the offset, where codes are not wide; magnitudes where they are
  uint8_t offset;
  int is_wide;
} expansion;

TJ_INLINE expansion expansion_of(int format, int offset) {
  expansion result = {magnitude_tables(format, 0), (uint8_t)offset, is_wide(format)};
  for (int code = 0; code < 16 && !is_wide(format); code++) {
    const int magnitude = steps_of_code(code & 7, format);
    result.tables.low[code] = (uint8_t)((code & 8 ? -magnitude : magnitude) + offset);
  }
  return result;
}

/// What makes a format's smallest code zero or positive.
TJ_INLINE int offset_of(int format) { return TJ_UNSIGNED ? largest_steps(format) : 0; }

#if TJ_GROUP_STEP == 8
/// The four bytes of every lane in the first vector, and behind them those in the second.
TJ_INLINE void join_fours(vbytes halves[2]) {
  const vuint a = (vuint)halves[0], b = (vuint)halves[1];
  halves[0] = (vbytes)__builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  halves[1] =
      (vbytes)__builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
#endif

/// What a group's codes say of its lanes.
typedef struct {
  vint sums;    // of every lane's bytes, taken as signed, where the tile needs it (TJ_UNSIGNED), or zeros
  vint is_zero; // whether all of a lane's codes are zeros
} group_lanes;

/// The codes of one group of a block, of `eights` times eight elements, as bytes.
TJ_INLINE group_lanes expand_group(const uint8_t *block, size_t eights, const expansion *bytes, void *out) {
  vint sums = (vint)0, magnitudes = (vint)0;
  for (size_t t = 0; t < eights; t++) {
    vbytes packed, halves[2];
    if (bytes->is_wide) {
      memcpy(halves, block + t * sizeof halves, sizeof halves);
      magnitudes |= (vint)((halves[0] | halves[1]) & 0x1f);
      for (size_t i = 0; i < 2; i++) {
        const vbytes steps = lookup_wide(&bytes->tables, halves[i]), minus = wide_signs(halves[i]);
        halves[i] = (steps ^ minus) - minus + bytes->offset;
      }
    } else {
      memcpy(&packed, block + t * sizeof packed, sizeof packed);
      magnitudes |= (vint)(packed & 0x77);
      halves[0] = lookup_bytes(bytes->tables.low, packed & 15);
      halves[1] = lookup_bytes(bytes->tables.low, packed >> 4);
    }
#if TJ_UNSIGNED
    sums = add_lane_sums(add_lane_sums(sums, halves[0]), halves[1]);
#endif
#if TJ_GROUP_STEP == 8
    join_fours(halves);
#endif
    memcpy((char *)out + t * sizeof halves, halves, sizeof halves);
  }
  return (group_lanes){sums, magnitudes == 0};
}

/// The scale bytes of a group. Any scale does for zeros: they get 1, so that no other keeps scales from being near.
TJ_INLINE vint telling_scales(const uint8_t *scales, vint is_zero, int format) {
  const vint byte = load_scales(scales);
  if (formats[format].scale == TJ_NUMBER) return byte;
  return choose_int(is_zero & (byte != nan_scale(format)), (vint)127, byte);
}

/// What the scale bytes of a panel are, which decides how a group ends.
typedef struct {
  vint smallest, largest;
} scale_range;

TJ_INLINE void extend(scale_range *range, vint byte) {
  range->smallest = minimum_int(range->smallest, byte);
  range->largest = maximum_int(range->largest, byte);
}

/// The exponents of two near scales can be added to magic's, and to any product of theirs, without leaving those of normal
/// numbers.
TJ_INLINE int is_near(scale_range range, int format) {
  if (formats[format].scale == TJ_NUMBER) return 0;
  return -max_lanes_int(-range.smallest) >= 127 - 50 && max_lanes_int(range.largest) <= 127 + 50;
}

static size_t left_block_bytes(int32_t format) {
  return groups_of(format) * left_bytes(steps_of_group(format));
}

static size_t right_block_bytes(int32_t format) {
  return groups_of(format) * right_bytes(steps_of_group(format));
}

static int32_t expand_left(const uint8_t *codes, const uint8_t *scales, size_t blocks, int32_t format,
                           int32_t right_format, void *expanded) {
  const size_t groups = blocks * groups_of(format), size = left_bytes(steps_of_group(format));
  const size_t eights = (size_t)formats[format].group / 8,
               code_bytes = block_bytes(format) / groups_of(format);
  const expansion bytes = expansion_of(format, 0);
  const int32_t step = step_exponent(format);
  const int is_number = formats[format].scale == TJ_NUMBER;
  vint largest = (vint)0; // of those that are numbers
  scale_range range = {(vint)255, (vint)0};
  for (size_t group = 0; group < groups; group++) {
    left_group *out = (left_group *)((char *)expanded + group * size);
    const group_lanes lanes = expand_group(codes + group * code_bytes, eights, &bytes, out->codes);
    const vint byte = telling_scales(scales + scale_place(group, format), lanes.is_zero, format);
    extend(&range, byte);
    largest = maximum_int(largest, choose_int(byte == 255, (vint)0, byte));
    const vint start = -lanes.sums * offset_of(right_format);
    memcpy(out->start, &start, sizeof start);
    memcpy(out->unit, &byte, sizeof byte);
  }
  // The exponent of magic must stay below that of infinity.
  const int is_huge = is_number || max_lanes_int(largest) > 254 - 23 - step;
  for (size_t group = 0; group < groups; group++) {
    left_group *out = (left_group *)((char *)expanded + group * size);
    vint byte, start;
    memcpy(&start, out->start, sizeof start);
    memcpy(&byte, out->unit, sizeof byte);
    vfloat unit = group_unit(scales, group, byte, step, format);
    if (!is_huge) {
      const vint magic = ((byte + 23 + step) << 23) | 0x400000;
      start += magic;
      unit = choose(byte == 255, unit, as_float(magic));
    }
    memcpy(out->start, &start, sizeof start);
    memcpy(out->unit, &unit, sizeof unit);
  }
  return is_huge ? TJ_HUGE_SCALES : is_near(range, format) ? TJ_NEAR_SCALES : TJ_FAR_SCALES;
}

static int32_t expand_right(const uint8_t *codes, const uint8_t *scales, size_t blocks, int32_t format,
                            void *expanded) {
  const size_t groups = blocks * groups_of(format), size = right_bytes(steps_of_group(format));
  const size_t eights = (size_t)formats[format].group / 8,
               code_bytes = block_bytes(format) / groups_of(format);
  const expansion bytes = expansion_of(format, offset_of(format));
  scale_range range = {(vint)255, (vint)0};
  for (size_t group = 0; group < groups; group++) {
    right_group *out = (right_group *)((char *)expanded + group * size);
    const group_lanes lanes = expand_group(codes + group * code_bytes, eights, &bytes, out->codes);
    const vint byte = telling_scales(scales + scale_place(group, format), lanes.is_zero, format);
    extend(&range, byte);
    const vfloat unit = group_unit(scales, group, byte, step_exponent(format), format);
    memcpy(out->unit, &unit, sizeof unit);
  }
  return is_near(range, format) ? TJ_NEAR_SCALES : TJ_FAR_SCALES;
}

/// One tile of 4 rows x `panels` panels. Where the product's edge cuts it, it is computed in a buffer.
TJ_INLINE void tile_or_edge(const left_group *left, size_t first, const right_group *right, size_t groups,
                            const tj_product *product, float *c, size_t rows, size_t columns,
                            const float *bias, const int panels, const int scales, const int is_narrow,
                            const int steps) {
  const size_t width = (size_t)panels * TJ_LANES;
  if (rows >= TJ_TILE_ROWS && columns >= width) {
    tile(left, first, right, groups, c, product->stride, product->resumes, bias, panels, scales, is_narrow,
         steps);
    return;
  }
  float block[TJ_TILE_ROWS][TJ_TILE_PANELS * TJ_LANES] = {{0}};
  float block_bias[TJ_TILE_PANELS * TJ_LANES] = {0};
  const size_t last_row = rows < TJ_TILE_ROWS ? rows : TJ_TILE_ROWS;
  const size_t bytes = (columns < width ? columns : width) * sizeof(float);
  if (bias) memcpy(block_bias, bias, bytes);
  if (product->resumes)
    for (size_t row = 0; row < last_row; row++) memcpy(block[row], c + row * product->stride, bytes);
  tile(left, first, right, groups, block[0], TJ_TILE_PANELS * TJ_LANES, product->resumes,
       bias ? block_bias : NULL, panels, scales, is_narrow, steps);
  for (size_t row = 0; row < last_row; row++) memcpy(c + row * product->stride, block[row], bytes);
}

/// The product of one left panel with neighbouring right panels.
TJ_INLINE void multiply_panels(const left_group *left, const right_group *right, size_t groups,
                               const tj_product *product, const int scales, const int is_narrow,
                               const int steps) {
  for (size_t column = 0; column < product->columns;) {
    const size_t left_over = product->columns - column;
    const right_group *panel = right_at(right, column / TJ_LANES * groups, steps);
    const float *bias = product->bias ? product->bias + column : NULL;
    size_t panels = panels_of(left_over);
    if (panels > TJ_TILE_PANELS) panels = TJ_TILE_PANELS;
    for (size_t row = 0; row < product->rows; row += TJ_TILE_ROWS) {
      float *c = product->c + row * product->stride + column;
      const size_t rows = product->rows - row;
      // The number of panels becomes a constant of each loop.
      switch (panels) {
#if TJ_TILE_PANELS >= 3
      case 3:
        tile_or_edge(left, row, panel, groups, product, c, rows, left_over, bias, 3, scales, is_narrow,
                     steps);
        break;
      case 2:
        tile_or_edge(left, row, panel, groups, product, c, rows, left_over, bias, 2, scales, is_narrow,
                     steps);
        break;
#endif
      default:
        tile_or_edge(left, row, panel, groups, product, c, rows, left_over, bias, 1, scales, is_narrow,
                     steps);
      }
    }
    column += panels * TJ_LANES;
  }
}

static void multiply(const void *left, const void *right, size_t blocks, const tj_product *product) {
  const size_t groups = blocks * groups_of(product->left_format);
  // Half a group's products go into one sum: whether 16 bits hold it, with the offset of the right operand.
  const int largest = largest_steps(product->left_format) * 2 * largest_steps(product->right_format);
  const int is_narrow = TJ_BLOCK_LENGTH / 2 * largest <= INT16_MAX;
  if (formats[product->left_format].group < TJ_BLOCK_LENGTH)
    multiply_panels(left, right, groups, product, TJ_HUGE_SCALES, 1, TJ_MOST_STEPS / 2);
  else if (product->scales == TJ_HUGE_SCALES)
    multiply_panels(left, right, groups, product, TJ_HUGE_SCALES, 0, TJ_MOST_STEPS);
#if TJ_ADDS_EXPONENTS
  else if (product->scales == TJ_NEAR_SCALES)
    multiply_panels(left, right, groups, product, TJ_NEAR_SCALES, 0, TJ_MOST_STEPS);
#endif
  else if (is_narrow)
    multiply_panels(left, right, groups, product, TJ_FAR_SCALES, 1, TJ_MOST_STEPS);
  else
    multiply_panels(left, right, groups, product, TJ_FAR_SCALES, 0, TJ_MOST_STEPS);
}

#endif
