// Products in single precision, of numbers with numbers or with the values of codes. Every sum runs over its index in
// ascending order, whatever the blocks and tiles.
#ifndef TJ_FLOAT_PRODUCTS_H
#define TJ_FLOAT_PRODUCTS_H

#include "product/blocks.h"
#include "product/floats.h"
#include "quantize/grid.h"

/// Terms that are in work at once: sixteen lanes of them fit into the first-level cache.
enum { TJ_FLOAT_TERMS = 256 };

static size_t float_scratch(size_t columns) {
  return TJ_FLOAT_TERMS * (8 + padded_to_lanes(columns)) + TJ_FLOAT_ROWS * TJ_FLOAT_VECTORS * TJ_LANES;
}

/// Vectors of columns that a tile from column j on has.
TJ_INLINE size_t tile_vectors(size_t j, size_t columns) {
  const size_t vectors = (columns - j + TJ_LANES - 1) / TJ_LANES;
  return vectors < TJ_FLOAT_VECTORS ? vectors : TJ_FLOAT_VECTORS;
}

/// Some lanes of a right operand, from lane j on, term by term: `wide` numbers and zeros in each of `vectors` vectors.
static void gather_terms(const tj_floats *x, size_t j, size_t first, size_t terms, size_t columns,
                         size_t vectors, float *out) {
  const size_t width = vectors * TJ_LANES;
  for (size_t v = 0; v < vectors; v++, j += TJ_LANES, out += TJ_LANES) {
    const size_t wide = lanes_from(j, columns);
    if (x->step != 1) {
      const float *from = x->x + j * x->lane + first * x->step;
      for (size_t k = 0; k < terms; k++) store(out + k * width, load_some(from + k * x->step, wide));
      continue;
    }
    for (size_t k = 0; k < terms; k += TJ_LANES) {
      const size_t high = lanes_from(k, terms);
      vfloat square[TJ_LANES];
      for (size_t i = 0; i < TJ_LANES; i++)
        square[i] = i < wide ? load_some(x->x + (j + i) * x->lane + first + k, high) : splat(0);
      transpose_square(square);
      for (size_t i = 0; i < high; i++) store(out + (k + i) * width, square[i]);
    }
  }
}

/// The same lanes of a packed matrix, decoded: panel by panel from lane j, a multiple of 16, and from term `first`, the
/// first of a group, on. Lanes beyond the matrix are zeros there.
TJ_INLINE void decode_terms(const tj_packed *x, size_t j, size_t first, size_t terms, size_t vectors,
                            float *out, const int format) {
  const size_t width = vectors * TJ_LANES, blocks = blocks_of(x->columns);
  for (size_t v = 0; v < vectors; v++, out += TJ_LANES) {
    size_t block = ((x->first_row + j) / TJ_LANES + v) * blocks + first / TJ_BLOCK_LENGTH;
    for (size_t k = 0; k < terms; k += TJ_BLOCK_LENGTH, block++) {
      const int bits = magnitude_bits_of(format), is_minus = 1 << bits;
      for (size_t t = 0; t < TJ_BLOCK_LENGTH / 8 && k + 8 * t < terms; t++) {
        vuint words[2]; // of four elements each where codes are wide, else of eight
        const size_t bytes = is_wide(format) ? sizeof words : sizeof *words;
        memcpy(words, x->codes + block * block_bytes(format) + t * bytes, bytes);
        const size_t group = (block * TJ_BLOCK_LENGTH + 8 * t) / (size_t)formats[format].group;
        const vint byte = load_scales(x->scales + scale_place(group, format));
        const vfloat scale = group_unit(x->scales, group, byte, 0, format) * x->outer_scale;
        float *at = out + (k + 8 * t) * width;
        const size_t count = terms - k - 8 * t;
        for (uint32_t i = 0; i < 8 && i < count; i++) {
          const vint code =
              (vint)(is_wide(format) ? words[i / 4] >> (i % 4 * 8) : words[0] >> (i % 4 * 8 + i / 4 * 4));
          const vfloat magnitude = code_value(code & (is_minus - 1), format) * scale;
          store(at + i * width, as_float(as_int(magnitude) | ((code & is_minus) << (31 - bits))));
        }
      }
    }
  }
}

static void gather_codes(const tj_packed *x, size_t j, size_t first, size_t terms, size_t vectors,
                         float *out) {
  switch (x->format) {
  case TJ_E3M0: decode_terms(x, j, first, terms, vectors, out, TJ_E3M0); break;
  case TJ_INT4: decode_terms(x, j, first, terms, vectors, out, TJ_INT4); break;
  case TJ_E2M3: decode_terms(x, j, first, terms, vectors, out, TJ_E2M3); break;
  case TJ_NVFP4: decode_terms(x, j, first, terms, vectors, out, TJ_NVFP4); break;
  case TJ_NVFP4_RUNS: decode_terms(x, j, first, terms, vectors, out, TJ_NVFP4_RUNS); break;
  default: decode_terms(x, j, first, terms, vectors, out, TJ_E2M1);
  }
}

/// One tile of c, or, where that has not as many columns, what there is of it.
TJ_INLINE void bounded_tile(const float *a, size_t a_row, size_t a_step, const float *b, float *c,
                            size_t stride, size_t terms, size_t rows, size_t columns, int resumes,
                            float *edge, const int vectors) {
  const size_t width = (size_t)vectors * TJ_LANES;
  if (columns >= width) {
    float_tile(a, a_row, a_step, b, width, c, stride, terms, rows, resumes, vectors, TJ_ASCENDING);
    return;
  }
  for (size_t i = 0; resumes && i < rows && i < TJ_FLOAT_ROWS; i++)
    memcpy(edge + i * width, c + i * stride, columns * sizeof *c);
  float_tile(a, a_row, a_step, b, width, edge, width, terms, rows, resumes, vectors, TJ_ASCENDING);
  for (size_t i = 0; i < rows && i < TJ_FLOAT_ROWS; i++)
    memcpy(c + i * stride, edge + i * width, columns * sizeof *c);
}

/// The terms of some lanes of a left operand, which lie rows apart, next to each other: eight places a term.
TJ_INLINE void pack_lanes(const float *a, size_t step, size_t terms, size_t lanes, float *out) {
  if (lanes >= TJ_FLOAT_ROWS)
    for (size_t k = 0; k < terms; k++) memcpy(out + 8 * k, a + k * step, TJ_FLOAT_ROWS * sizeof *a);
  else
    for (size_t k = 0; k < terms; k++) memcpy(out + 8 * k, a + k * step, lanes * sizeof *a);
}

/// Some rows of c, tile by tile: the right operand's panels lie behind each other.
static void multiply_rows(const float *a, size_t a_row, size_t a_step, const float *right, size_t terms,
                          float *c, size_t stride, size_t rows, size_t columns, int resumes, float *edge) {
  for (size_t j = 0; j < columns; j += TJ_FLOAT_VECTORS * TJ_LANES) {
    const float *b = right + j * terms;
    const size_t wide = columns - j;
    // The number of vectors becomes a constant of each tile.
    switch (tile_vectors(j, columns)) {
#if TJ_FLOAT_VECTORS >= 4
    case 4: bounded_tile(a, a_row, a_step, b, c + j, stride, terms, rows, wide, resumes, edge, 4); break;
    case 3: bounded_tile(a, a_row, a_step, b, c + j, stride, terms, rows, wide, resumes, edge, 3); break;
    case 2: bounded_tile(a, a_row, a_step, b, c + j, stride, terms, rows, wide, resumes, edge, 2); break;
#endif
    default: bounded_tile(a, a_row, a_step, b, c + j, stride, terms, rows, wide, resumes, edge, 1);
    }
  }
}

static void add_bias_row(float *c, size_t stride, size_t rows, size_t columns, const float *bias) {
  for (size_t i = 0; i < rows; i++, c += stride)
    for (size_t j = 0; j < columns; j += TJ_LANES) {
      const size_t lanes = lanes_from(j, columns);
      store_some(c + j, load_some(c + j, lanes) + load_some(bias + j, lanes), lanes);
    }
}

/// A product whose right operand is `numbers`, or where those are null `codes`.
TJ_INLINE void multiply_terms(const tj_floats *left, const tj_floats *numbers, const tj_packed *codes,
                              size_t terms, const tj_float_product *product, float *scratch) {
  const size_t columns = product->columns, stride = product->stride;
  float *packed_left = scratch, *packed_right = packed_left + 8 * TJ_FLOAT_TERMS;
  float *edge = packed_right + TJ_FLOAT_TERMS * padded_to_lanes(columns);
  // Without a term the sums are empty, and yet begun.
  for (size_t first = 0; first < terms || first == 0; first += TJ_FLOAT_TERMS) {
    const size_t count = terms - first < TJ_FLOAT_TERMS ? terms - first : TJ_FLOAT_TERMS;
    for (size_t j = 0; j < columns; j += TJ_FLOAT_VECTORS * TJ_LANES) {
      float *right = packed_right + j * count;
      if (numbers)
        gather_terms(numbers, j, first, count, columns, tile_vectors(j, columns), right);
      else
        gather_codes(codes, j, first, count, tile_vectors(j, columns), right);
    }
    for (size_t i = 0; i < product->rows; i += TJ_FLOAT_ROWS) {
      const size_t rows = product->rows - i;
      const float *a = left->x + i * left->lane + first * left->step;
      float *c = product->c + i * stride;
      if (left->step == 1) {
        multiply_rows(a, left->lane, 1, packed_right, count, c, stride, rows, columns, first > 0, edge);
      } else {
        pack_lanes(a, left->step, count, rows, packed_left);
        multiply_rows(packed_left, 1, 8, packed_right, count, c, stride, rows, columns, first > 0, edge);
      }
    }
  }
  if (product->bias) add_bias_row(product->c, stride, product->rows, columns, product->bias);
}

static void multiply_floats(const tj_floats *left, const tj_floats *right, size_t terms,
                            const tj_float_product *product, float *scratch) {
  multiply_terms(left, right, NULL, terms, product, scratch);
}

static void multiply_floats_with_codes(const tj_floats *left, const tj_packed *right,
                                       const tj_float_product *product, float *scratch) {
  multiply_terms(left, NULL, right, right->columns, product, scratch);
}

#endif
