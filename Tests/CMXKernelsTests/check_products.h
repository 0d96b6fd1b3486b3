// Products of packed matrices, held to their definition.
#ifndef TJ_CHECK_PRODUCTS_H
#define TJ_CHECK_PRODUCTS_H

#include "check_quantizers.h"

static struct {
  size_t rows, columns, blocks, split; // the sums over the blocks from `split` on resume
  int left_format, right_format, has_bias, resumes, scales, codes;
} shape;

enum {
  ORDINARY_SCALES,
  SCALES_OF_ZEROS, // ordinary ones, but for those of groups of zeros
  LISTED_SCALES,
  LISTED_AND_NAN_SCALES,
  ANY_SCALES,
  SMALL_SCALES,
  LARGE_SCALES,
  SCALES
};
enum { ANY_CODES, LARGEST_CODES, SPARSE_CODES, CODES };

/// Zeros in one lane of a block, under any scale.
static void clear_lane(packed matrix, size_t block, size_t lane, int format) {
  for (size_t i = 0; i < matrix.block; i++)
    if (i % 64 / 4 == lane)
      matrix.codes[block * matrix.block + i] &= is_wide(format) ? 0x20 : 0x88; // of either sign
  for (size_t group = 0; group < groups_of(format); group++)
    matrix.scales[block * matrix.scales_of_block + group * LANES + lane] =
        (uint8_t)(has_numbers(format) ? draw_below(0x7f) : draw_below(255));
}

static void fill_codes(packed matrix, int format) {
  const uint32_t sign = draw_below(2), bytes = is_wide(format) ? 64 : 256;
  const uint32_t largest = is_wide(format) ? 31 | sign << 5 : (7 | sign << 3) * 0x11;
  for (size_t i = 0; i < matrix.blocks * matrix.block; i++)
    matrix.codes[i] = (uint8_t)(shape.codes == ANY_CODES       ? draw_below(bytes)
                                : shape.codes == LARGEST_CODES ? largest
                                : draw_below(8) == 0           ? draw_below(bytes)
                                                               : 0);
  static const uint8_t list[] = {0, 1, 2, 127, 232, 233, 253, 254};
  for (size_t i = 0; i < matrix.blocks * matrix.scales_of_block; i++) {
    uint32_t byte = 0;
    switch (shape.scales) {
    case ORDINARY_SCALES:
    case SCALES_OF_ZEROS: byte = 117 + draw_below(20); break;
    case LISTED_SCALES: byte = list[draw_below(sizeof list)]; break;
    case LISTED_AND_NAN_SCALES: byte = draw_below(9) == 0 ? 255 : list[draw_below(sizeof list)]; break;
    case ANY_SCALES: byte = draw_below(255); break;
    case SMALL_SCALES: byte = draw_below(70); break; // products of two are subnormal
    default: byte = 225 + draw_below(9); break;      // about the largest that take the plain way
    }
    matrix.scales[i] = (uint8_t)(has_numbers(format) ? byte & 0x7f : byte);
  }
  for (size_t i = 0; format == NVFP4_RUNS && i < matrix.blocks * LANES; i++) {
    const int exponents[SCALES] = {0, 0, 60, 60, 60, -70, 60};
    const float outer =
        ldexpf(1 + (float)draw_below(1 << 23) * 0x1p-23f, exponents[shape.scales] + (int32_t)draw_below(8));
    memcpy(matrix.scales + i / LANES * matrix.scales_of_block + LANES * 2 + i % LANES * sizeof outer, &outer,
           sizeof outer);
  }
  if (shape.scales == SCALES_OF_ZEROS)
    for (size_t i = 0; i < matrix.blocks * LANES; i++)
      if (draw_below(4) == 0) clear_lane(matrix, i / LANES, i % LANES, format);
}

/// A code in units of its format's smallest step. Elements are counted through blocks of 32.
static int32_t steps_of(const uint8_t *codes, size_t lane, size_t element, int format) {
  const size_t block = element / GROUP;
  static const int32_t magnitudes[][8] = {{0, 1, 2, 3, 4, 6, 8, 12},
                                          {0, 1, 2, 4, 8, 16, 32, 64},
                                          {0, 1, 2, 3, 4, 5, 6, 7},
                                          {0},
                                          {0, 1, 2, 3, 4, 6, 8, 12},
                                          {0},
                                          {0},
                                          {0},
                                          {0, 1, 2, 3, 4, 6, 8, 12}};
  element %= GROUP;
  if (is_wide(format)) {
    const uint8_t code = codes[block * block_of(format) + element / 4 * 64 + lane * 4 + element % 4];
    const int32_t binade = code >> 3 & 3, fraction = code & 7;
    const int32_t magnitude = binade == 0 ? fraction : (8 + fraction) << (binade - 1);
    return code & 32 ? -magnitude : magnitude;
  }
  const uint8_t byte = codes[block * block_of(format) + element / 8 * 64 + lane * 4 + element % 4];
  const uint8_t code = element % 8 < 4 ? byte & 15 : byte >> 4;
  return code & 8 ? -magnitudes[format][code & 7] : magnitudes[format][code & 7];
}

/// A lane's scale in a group, counted through blocks, times the format's smallest step; exact, but under outer scales of runs, with
/// which it is rounded first.
static float unit_of(const uint8_t *scales, size_t group, size_t lane, int format) {
  static const int exponents[] = {[E2M1] = -1, [E3M0] = -2, [INT4] = 0, [E2M3] = -3};
  scales += group / groups_of(format) * scales_of(format);
  const uint8_t scale = scales[group % groups_of(format) * LANES + lane];
  if (has_numbers(format)) {
    const int exponent = scale >> 3, mantissa = scale & 7;
    float outer = 1;
    if (scale == 0x7f) return NAN;
    if (format == NVFP4_RUNS) memcpy(&outer, scales + 2 * LANES + lane * sizeof outer, sizeof outer);
    return (exponent == 0 ? ldexpf((float)mantissa, -9) : ldexpf((float)(8 + mantissa), exponent - 10)) *
           outer / 2;
  }
  return scale == 255 ? NAN : ldexpf(1, scale - 127 + exponents[format]);
}

/// The definition: an output's sum goes on from `sum` over all groups of the left panel's lane and the lane of
/// the right panel that starts at `codes` and `scales`.
static float reference_sum(float sum, packed left, size_t left_lane, const uint8_t *codes,
                           const uint8_t *scales, size_t right_lane) {
  const size_t length = GROUP / groups_of(shape.left_format);
  for (size_t group = 0; group < shape.blocks * GROUP / length; group++) {
    int32_t dot = 0;
    for (size_t element = group * length; element < (group + 1) * length; element++)
      dot += steps_of(left.codes, left_lane, element, shape.left_format) *
             steps_of(codes, right_lane, element, shape.right_format);
    const float term = (float)dot * unit_of(left.scales, group, left_lane, shape.left_format);
    sum = fmaf(term, unit_of(scales, group, right_lane, shape.right_format), sum);
  }
  return sum;
}

static void check_product(void) {
  const size_t panels = panels_of(shape.columns), stride = shape.columns + 3;
  const size_t n = (shape.rows - 1) * stride + shape.columns;
  const packed left = packed_matrix(LANES, shape.blocks * GROUP, shape.left_format);
  const packed right = packed_matrix(shape.columns, shape.blocks * GROUP, shape.right_format);
  fill_codes(left, shape.left_format);
  fill_codes(right, shape.right_format);
  const float *bias = shape.has_bias ? filled(shape.columns, ORDINARY) : NULL;
  float *c = filled(n, shape.scales <= SCALES_OF_ZEROS ? ORDINARY : EXTREME), *reference = copy_of(c, n);
  for (size_t row = 0; row < shape.rows; row++)
    for (size_t column = 0; column < shape.columns; column++) {
      float *at = reference + row * stride + column;
      const size_t block = column / LANES * shape.blocks;
      *at = reference_sum(shape.resumes ? *at : 0, left, row, right.codes + block * right.block,
                          right.scales + block * right.scales_of_block, column % LANES);
      if (bias) *at += bias[column];
    }

  for (size_t first = 0; first < shape.blocks;) {
    const size_t end = first < shape.split ? shape.split : shape.blocks, groups = end - first;
    const size_t right_bytes = groups * CALL(right_block_bytes, shape.right_format);
    uint8_t *left_groups = guarded(groups * CALL(left_block_bytes, shape.left_format));
    uint8_t *right_groups = guarded(panels * right_bytes);
    int32_t scales =
        CALL(expand_left, left.codes + first * left.block, left.scales + first * left.scales_of_block, groups,
             shape.left_format, shape.right_format, left_groups);
    for (size_t panel = 0; panel < panels; panel++) {
      const size_t block = panel * shape.blocks + first;
      const int32_t own =
          CALL(expand_right, right.codes + block * right.block, right.scales + block * right.scales_of_block,
               groups, shape.right_format, right_groups + panel * right_bytes);
      if (own > scales) scales = own;
    }
    record_count("scales", (size_t)scales);
    const tj_product product = {.c = c,
                                .stride = stride,
                                .rows = shape.rows,
                                .columns = shape.columns,
                                .bias = end == shape.blocks ? bias : NULL,
                                .resumes = shape.resumes || first > 0,
                                .scales = scales,
                                .left_format = shape.left_format,
                                .right_format = shape.right_format};
    CALL(multiply, left_groups, right_groups, groups, &product);
    first = end;
  }
  expect_floats("the definition", c, reference, n);
  record_floats("c", c, n);
}

static void check_products(void) {
  static const size_t row_counts[] = {16, 1, 3, 4, 5, 15};
  static const size_t column_counts[] = {1, 15, 16, 17, 31, 33, 48, 50, 64, 100};
  static const size_t block_counts[] = {1, 2, 3, 7};
  size_t number = 0;
  for (shape.left_format = 0; shape.left_format < FORMATS; shape.left_format++)
    for (shape.right_format = 0; shape.right_format < FORMATS; shape.right_format++)
      for (shape.scales = 0; shape.scales < SCALES; shape.scales++)
        for (shape.codes = 0; shape.codes < CODES; shape.codes++)
          for (size_t i = 0; i < sizeof column_counts / sizeof *column_counts; i++, number++) {
            if (!is_packed(shape.left_format) || !is_packed(shape.right_format)) break;
            if (groups_of(shape.left_format) != groups_of(shape.right_format)) continue;
            // Counted through with different periods, so that all pairs of these meet.
            shape.columns = column_counts[i];
            shape.rows = row_counts[number % 7 % 6];
            shape.blocks = block_counts[number / 3 % 4];
            shape.split = number % 3 == 0 ? shape.blocks / 2 : 0;
            shape.has_bias = number / 2 % 2 == 0;
            shape.resumes = number / 10 % 5 == 0;
            is_at_end = number % 11 % 3 > 0;
            describe("%zu x %zu x %zu blocks (cut at %zu), formats %d and %d, scales %d, codes %d, bias %d, "
                     "resumes %d",
                     shape.rows, shape.columns, shape.blocks, shape.split, shape.left_format,
                     shape.right_format, shape.scales, shape.codes, shape.has_bias, shape.resumes);
            run_on_every_table(check_product);
          }
}

#endif
