// Products of packed matrices, held to their definition.
#ifndef TJ_CHECK_PRODUCTS_H
#define TJ_CHECK_PRODUCTS_H

#include "check_quantizers.h"

static struct {
  size_t rows, columns, groups, split; // the sums over the groups from `split` on resume
  int left_format, right_format, has_bias, resumes, scales, codes;
} shape;

enum {
  ORDINARY_SCALES,
  LISTED_SCALES,
  LISTED_AND_NAN_SCALES,
  ANY_SCALES,
  SMALL_SCALES,
  LARGE_SCALES,
  SCALES
};
enum { ANY_CODES, LARGEST_CODES, SPARSE_CODES, CODES };

static void fill_codes(packed matrix) {
  const uint32_t sign = draw_below(2) * 8;
  for (size_t i = 0; i < matrix.blocks * BLOCK; i++)
    matrix.codes[i] = (uint8_t)(shape.codes == ANY_CODES       ? draw_below(256)
                                : shape.codes == LARGEST_CODES ? (7 | sign) * 0x11
                                : draw_below(8) == 0           ? draw_below(256)
                                                               : 0);
  static const uint8_t list[] = {0, 1, 2, 127, 232, 233, 253, 254};
  for (size_t i = 0; i < matrix.blocks * LANES; i++) {
    uint32_t byte = 0;
    switch (shape.scales) {
    case ORDINARY_SCALES: byte = 117 + draw_below(20); break;
    case LISTED_SCALES: byte = list[draw_below(sizeof list)]; break;
    case LISTED_AND_NAN_SCALES: byte = draw_below(9) == 0 ? 255 : list[draw_below(sizeof list)]; break;
    case ANY_SCALES: byte = draw_below(255); break;
    case SMALL_SCALES: byte = draw_below(70); break; // products of two are subnormal
    default: byte = 225 + draw_below(9); break;      // about the largest that take the plain way
    }
    matrix.scales[i] = (uint8_t)byte;
  }
}

/// A code in units of its format's smallest step.
static int32_t steps_of(const uint8_t *codes, size_t group, size_t lane, size_t element, int format) {
  static const int32_t magnitudes[FORMATS][8] = {{0, 1, 2, 3, 4, 6, 8, 12}, {0, 1, 2, 4, 8, 16, 32, 64}};
  const uint8_t byte = codes[group * BLOCK + element / 8 * 64 + lane * 4 + element % 4];
  const uint8_t code = element % 8 < 4 ? byte & 15 : byte >> 4;
  return code & 8 ? -magnitudes[format][code & 7] : magnitudes[format][code & 7];
}

/// A scale times the format's smallest step; exact.
static float unit_of(uint8_t scale, int format) {
  return scale == 255 ? NAN : ldexpf(1, scale - 127 - (format == E2M1 ? 1 : 2));
}

/// The definition: an output's sum goes on from `sum` over all groups of the left panel's lane and the lane of
/// the right panel that starts at `codes` and `scales`.
static float reference_sum(float sum, packed left, size_t left_lane, const uint8_t *codes,
                           const uint8_t *scales, size_t right_lane) {
  for (size_t group = 0; group < shape.groups; group++) {
    int32_t dot = 0;
    for (size_t element = 0; element < GROUP; element++)
      dot += steps_of(left.codes, group, left_lane, element, shape.left_format) *
             steps_of(codes, group, right_lane, element, shape.right_format);
    const float term = (float)dot * unit_of(left.scales[group * LANES + left_lane], shape.left_format);
    sum = fmaf(term, unit_of(scales[group * LANES + right_lane], shape.right_format), sum);
  }
  return sum;
}

static void check_product(void) {
  const size_t panels = panels_of(shape.columns), stride = shape.columns + 3;
  const size_t n = (shape.rows - 1) * stride + shape.columns;
  const packed left = packed_matrix(LANES, shape.groups * GROUP);
  const packed right = packed_matrix(shape.columns, shape.groups * GROUP);
  fill_codes(left);
  fill_codes(right);
  const float *bias = shape.has_bias ? filled(shape.columns, ORDINARY) : NULL;
  float *c = filled(n, shape.scales == ORDINARY_SCALES ? ORDINARY : EXTREME), *reference = copy_of(c, n);
  for (size_t row = 0; row < shape.rows; row++)
    for (size_t column = 0; column < shape.columns; column++) {
      float *at = reference + row * stride + column;
      const size_t block = column / LANES * shape.groups;
      *at = reference_sum(shape.resumes ? *at : 0, left, row, right.codes + block * BLOCK,
                          right.scales + block * LANES, column % LANES);
      if (bias) *at += bias[column];
    }

  for (size_t first = 0; first < shape.groups;) {
    const size_t end = first < shape.split ? shape.split : shape.groups, groups = end - first;
    const size_t right_bytes = groups * table->right_group_bytes;
    uint8_t *left_groups = guarded(groups * table->left_group_bytes);
    uint8_t *right_groups = guarded(panels * right_bytes);
    const int32_t is_huge = CALL(expand_left, left.codes + first * BLOCK, left.scales + first * LANES, groups,
                                 shape.left_format, shape.right_format, left_groups);
    record_count("is_huge", (size_t)is_huge);
    for (size_t panel = 0; panel < panels; panel++) {
      const size_t block = panel * shape.groups + first;
      CALL(expand_right, right.codes + block * BLOCK, right.scales + block * LANES, groups,
           shape.right_format, right_groups + panel * right_bytes);
    }
    const tj_product product = {.c = c,
                                .stride = stride,
                                .rows = shape.rows,
                                .columns = shape.columns,
                                .bias = end == shape.groups ? bias : NULL,
                                .resumes = shape.resumes || first > 0,
                                .is_huge = is_huge,
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
  static const size_t group_counts[] = {1, 2, 3, 7};
  size_t number = 0;
  for (shape.left_format = 0; shape.left_format < FORMATS; shape.left_format++)
    for (shape.right_format = 0; shape.right_format < FORMATS; shape.right_format++)
      for (shape.scales = 0; shape.scales < SCALES; shape.scales++)
        for (shape.codes = 0; shape.codes < CODES; shape.codes++)
          for (size_t i = 0; i < sizeof column_counts / sizeof *column_counts; i++, number++) {
            // Counted through with different periods, so that all pairs of these meet.
            shape.columns = column_counts[i];
            shape.rows = row_counts[number % 7 % 6];
            shape.groups = group_counts[number / 3 % 4];
            shape.split = number % 3 == 0 ? shape.groups / 2 : 0;
            shape.has_bias = number / 2 % 2 == 0;
            shape.resumes = number / 10 % 5 == 0;
            is_at_end = number % 11 % 3 > 0;
            describe("%zu x %zu x %zu groups (cut at %zu), formats %d and %d, scales %d, codes %d, bias %d, "
                     "resumes %d",
                     shape.rows, shape.columns, shape.groups, shape.split, shape.left_format,
                     shape.right_format, shape.scales, shape.codes, shape.has_bias, shape.resumes);
            run_on_every_table(check_product);
          }
}

#endif
