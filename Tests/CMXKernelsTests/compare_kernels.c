// Runs every kernel of every instruction set on made-up data and holds its output to the bits of the portable
// kernels, and the products to their definition (MXFormats/ReferenceGEMM.swift), computed here one by one.
//
// A program without Swift or a test framework, so that it can be compiled for another processor and run in an
// emulator, or with a sanitizer: .ci/neon, .ci/sanitize. The data come from integers alone and each
// table's output is hashed, so that tables of different processors can be compared as well.
//
// All memory that kernels see begins right behind, or ends right before, a page that must not be touched.
#define _DEFAULT_SOURCE
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "CMXKernels.h"

// The data and the reference must not depend on whether the processor fuses.
#pragma STDC FP_CONTRACT OFF

enum { GROUP = 32, LANES = 16, BLOCK = GROUP * LANES / 2 };
enum { E2M1, E3M0, FORMATS };
enum { NEAREST_EVEN, NEAREST_AWAY, STOCHASTIC, MOVING_AVERAGE, ROUNDINGS };

static size_t groups_of(size_t length) { return (length + GROUP - 1) / GROUP; }
static size_t panels_of(size_t lanes) { return (lanes + LANES - 1) / LANES; }

// MARK: - What is being done, for the line that says what went wrong

static const tj_kernels *table;  // whose kernels run
static const char *kernel = "";  // the last one called
static char setting[256];        // shapes and parameters

#define CALL(name, ...) (kernel = #name, table->name(__VA_ARGS__))

static void describe(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(setting, sizeof setting, format, arguments);
  va_end(arguments);
}

__attribute__((noreturn)) static void fail(const char *format, ...) {
  va_list arguments;
  fflush(stdout);
  fprintf(stderr, "%s, %s, %s: ", table ? table->name : "start", kernel, setting);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

/// Only what is allowed in a signal handler.
static void report_fault(int number) {
  (void)number;
  const char *parts[] = {table ? table->name : "start", ", ", kernel, ", ", setting,
                         ": touched memory out of bounds\n"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (write(STDERR_FILENO, parts[i], strlen(parts[i])) < 0) break;
  _exit(1);
}

// MARK: - Guarded memory

enum { SLOTS = 32, SLOT_BYTES = 1 << 20 };  // whole pages of every size in use
static char *slots[SLOTS];
static size_t slots_in_use;
static int is_at_end;  // whether memory ends at a guard, or begins at one

static void map_slots(void) {
  const size_t guard = (size_t)sysconf(_SC_PAGESIZE), stride = SLOT_BYTES + guard;
  char *start =
      mmap(NULL, SLOTS * stride + guard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) fail("no memory");
  for (size_t i = 0; i < SLOTS; i++) {
    slots[i] = start + guard + i * stride;
    if (mprotect(slots[i], SLOT_BYTES, PROT_READ | PROT_WRITE)) fail("no memory");
  }
}

/// Memory filled with a pattern, so that what a kernel leaves alone is the same for all. Valid until the next
/// table runs.
static void *guarded(size_t bytes) {
  if (slots_in_use == SLOTS || bytes > SLOT_BYTES) fail("the harness's own memory is too small");
  char *slot = slots[slots_in_use++];
  return memset(is_at_end ? slot + SLOT_BYTES - bytes : slot, 0xa5, bytes);
}

static float *guarded_floats(size_t n) { return guarded(n * sizeof(float)); }

// MARK: - Data

static uint64_t generator;

static uint32_t draw(void) {
  generator = generator * 0x5851f42d4c957f2du + 0x14057b7ef767814fu;
  const uint64_t mixed = generator ^ generator >> 29;
  return (uint32_t)(mixed * 0x9e3779b97f4a7c15u >> 32);
}

static uint32_t draw_below(uint32_t n) { return (uint32_t)((uint64_t)draw() * n >> 32); }

static float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/// The bits, with every NaN the same: its payload and sign are the processor's choice.
static uint32_t bits_of(float x) {
  uint32_t bits = 0x7fc00000;
  if (x == x) memcpy(&bits, &x, sizeof bits);
  return bits;
}

/// Around zero, standard deviation 1.15.
static float draw_ordinary(void) {
  int32_t sum = -131070;
  for (int i = 0; i < 4; i++) sum += (int32_t)(draw() >> 16);
  return (float)sum * 0x1p-15f;
}

static float draw_extreme(void) {
  const uint32_t sign = draw() & 0x80000000;
  uint32_t bits = 0;
  switch (draw_below(8)) {
  case 0: bits = draw_below(0x7f800000); break;  // any
  case 1: bits = draw_below(0x800000); break;    // subnormal
  case 2: bits = 0; break;
  case 3: bits = 0x7f61b1e6; break;              // 3e38
  case 4: bits = 0x7f7fffff; break;              // the largest
  case 5: bits = 0x00800000; break;              // the smallest normal
  case 6: bits = draw_below(255) << 23; break;   // a power of two
  default: return draw_ordinary();
  }
  return float_of(bits | sign);
}

static float draw_broken(void) {
  switch (draw_below(200)) {
  case 0: return float_of(0x7f800000 | (draw() & 0x80000000));
  case 1: return float_of(0x7f800001 | (draw() & 0x807fffff));
  default: return draw_ordinary();
  }
}

typedef enum { ORDINARY, EXTREME, TIES, BROKEN, KINDS } data_kind;
static const char *const kind_names[KINDS] = {"ordinary", "extreme", "ties", "broken"};

/// Numbers whose fractions are those at which scale rules and roundings decide, within a few binades.
static void fill_ties(float *x, size_t n) {
  static const uint32_t fractions[] = {0,        1,        0x200000, 0x3fffff, 0x400000, 0x400001, 0x5fffff,
                                       0x600000, 0x600001, 0x7fffff, 0x100000, 0x700000, 0x333333};
  const int32_t base = (int32_t)draw_below(255);
  int32_t top = base;
  for (size_t i = 0; i < n; i++) {
    if (i % 48 == 0) top = base + (int32_t)draw_below(7) - 3;
    int32_t exponent = top - (int32_t)draw_below(6);
    if (exponent < 0) exponent = 0;
    if (exponent > 254) exponent = 254;
    const uint32_t fraction = fractions[draw_below(sizeof fractions / sizeof *fractions)];
    x[i] = float_of((draw() & 0x80000000) | (uint32_t)exponent << 23 | fraction);
  }
}

static void fill(float *x, size_t n, data_kind kind) {
  if (kind == TIES) {
    fill_ties(x, n);
    return;
  }
  for (size_t i = 0; i < n; i++)
    x[i] = kind == ORDINARY ? draw_ordinary() : kind == EXTREME ? draw_extreme() : draw_broken();
}

static float *filled(size_t n, data_kind kind) {
  float *x = guarded_floats(n);
  fill(x, n, kind);
  return x;
}

static float *copy_of(const float *x, size_t n) {
  return memcpy(guarded_floats(n), x, n * sizeof *x);
}

// MARK: - Comparisons

enum { TABLES = 8 };
typedef struct {
  const tj_kernels *kernels;
  size_t outputs;
  uint64_t hash, attention_hash;
} table_result;
static table_result results[TABLES];
static size_t table_count;

// The outputs of the first table that runs a check, which the others are held to.
static uint32_t *expected;
static size_t expected_count, expected_capacity, outputs_seen;
static int is_first;
static const char *first_name;
// NULL where a table's outputs only have to be close to the first one's.
static uint64_t *hash;
static size_t *outputs;

static void record(const char *what, size_t place, uint32_t bits) {
  *hash = (*hash ^ bits) * 0x9e3779b97f4a7c15u;
  *hash ^= *hash >> 32;
  ++*outputs;
  if (is_first) {
    if (expected_count == expected_capacity) {
      expected_capacity = 2 * expected_capacity + 1024;
      expected = realloc(expected, expected_capacity * sizeof *expected);
      if (!expected) fail("no memory");
    }
    expected[expected_count++] = bits;
  } else if (outputs_seen >= expected_count || bits != expected[outputs_seen]) {
    fail("%s[%zu] is 0x%08x, where %s gives 0x%08x", what, place, bits, first_name,
         outputs_seen < expected_count ? expected[outputs_seen] : 0);
  }
  outputs_seen++;
}

static void record_floats(const char *what, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) record(what, i, bits_of(x[i]));
}

static void record_bytes(const char *what, const uint8_t *x, size_t n) {
  for (size_t i = 0; i < n; i++) record(what, i, x[i]);
}

static void record_count(const char *what, size_t n) { record(what, 0, (uint32_t)n); }

static void expect_floats(const char *what, const float *x, const float *y, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (bits_of(x[i]) != bits_of(y[i]))
      fail("%s: [%zu] is %a (0x%08x), not %a (0x%08x)", what, i, (double)x[i], bits_of(x[i]), (double)y[i],
           bits_of(y[i]));
}

static void expect_bytes(const char *what, const uint8_t *x, const uint8_t *y, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (x[i] != y[i]) fail("%s: [%zu] is 0x%02x, not 0x%02x", what, i, x[i], y[i]);
}

static void expect_count(const char *what, size_t n, size_t m) {
  if (n != m) fail("%s: %zu, not %zu", what, n, m);
}

static void start_run(table_result *result, int first, uint64_t seed) {
  table = result->kernels;
  kernel = "";
  generator = seed * 0x9e3779b97f4a7c15u;
  slots_in_use = outputs_seen = 0;
  is_first = first;
  hash = &result->hash;
  outputs = &result->outputs;
  if (first) {
    expected_count = 0;
    first_name = table->name;
  }
}

/// Runs a check on the portable table, then on the others.
static void run_on_every_table(void (*check)(void)) {
  static uint64_t checks;
  checks++;
  for (size_t i = table_count; i-- > 0;) {
    start_run(&results[i], i + 1 == table_count, checks);
    check();
    if (outputs_seen != expected_count) fail("%zu outputs, not %zu", outputs_seen, expected_count);
  }
}

// MARK: - Quantizers

static size_t rows, columns;  // of the matrix at hand
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
#define QUANTIZE(...) \
  (axis == 0 ? CALL(quantize_rows, __VA_ARGS__) : CALL(quantize_columns, __VA_ARGS__))
    broken = QUANTIZE(x, ema, out, rows, columns, 0, &quantizer);
    record_count("broken groups", broken);
    record_floats("out", out, n);
    again = QUANTIZE(in_place, ema, in_place, rows, columns, 0, &quantizer);
    expect_floats("in place", in_place, out, n);
    expect_count("broken groups in place", again, broken);
    if (cut < rows) {
      float *sliced = guarded_floats(n);
      again = QUANTIZE(x, ema, sliced, cut, columns, 0, &quantizer);
      again += QUANTIZE(x + cut * columns, ema_cut, sliced + cut * columns, rows - cut, columns, cut,
                        &quantizer);
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
  const size_t broken =
      CALL(pack_rows, x, ema, rows, columns, 0, &quantizer, by_rows.codes, by_rows.scales);
  record_count("broken groups", broken);
  record_packed(by_rows);
  if (cut < rows) {
    const packed sliced = packed_matrix(rows, columns);
    size_t again = CALL(pack_rows, x, ema, cut, columns, 0, &quantizer, sliced.codes, sliced.scales);
    again += CALL(pack_rows, x + cut * columns, ema_cut, rows - cut, columns, cut, &quantizer,
                  sliced.codes, sliced.scales);
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
  // Truncation-free, ceil, even and floor, as Kernels.swift has them.
  static const int32_t thresholds[FORMATS][4] = {{0x400000, 0, 0x5fffff, 0x7fffff},
                                                 {0, 0, 0x3fffff, 0x7fffff}};
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
        for (int rule = 0; rule < 4; rule++)
          for (kind = 0; kind < KINDS; kind++) {
            rows = shapes[i][0];
            columns = shapes[i][1];
            quantizer = make_quantizer(format, rounding, rule);
            describe("%zu x %zu %s numbers, format %d, rounding %d, scale rule %d", rows, columns,
                     kind_names[kind], format, rounding, rule);
            is_at_end = (int)(kind + (unsigned)rule) % 2;
            run_on_every_table(check_quantize);
            if (rounding == MOVING_AVERAGE) continue;  // packed matrices have no averages
            source_quantizer = make_quantizer((format + rule) % FORMATS, NEAREST_EVEN, rule);
            run_on_every_table(check_repack);
          }
}

// MARK: - Products

static struct {
  size_t rows, columns, groups, split;  // the sums over the groups from `split` on resume
  int left_format, right_format, has_bias, resumes, scales, codes;
} shape;

enum { ORDINARY_SCALES, LISTED_SCALES, LISTED_AND_NAN_SCALES, ANY_SCALES, SMALL_SCALES, LARGE_SCALES, SCALES };
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
    case SMALL_SCALES: byte = draw_below(70); break;  // products of two are subnormal
    default: byte = 225 + draw_below(9); break;       // about the largest that take the plain way
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
    tj_left_group *left_groups = guarded(groups * sizeof *left_groups);
    tj_right_group *right_groups = guarded(panels * groups * sizeof *right_groups);
    const int32_t is_huge =
        CALL(expand_left, left.codes + first * BLOCK, left.scales + first * LANES, groups,
             shape.left_format, shape.right_format, left_groups);
    record_count("is_huge", (size_t)is_huge);
    for (size_t panel = 0; panel < panels; panel++) {
      const size_t block = panel * shape.groups + first;
      CALL(expand_right, right.codes + block * BLOCK, right.scales + block * LANES, groups,
           shape.right_format, right_groups + panel * groups);
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

// MARK: - Layers

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
  if (kind != EXTREME)  // there, roots of negative numbers
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

static void record_attention(const char *what, const float *x, size_t n) {
  if (is_first || is_fused(table)) {
    record_floats(what, x, n);
    return;
  }
  // A few sums over some hundred products of ordinary numbers.
  const float tolerance = 1e-5f;
  for (size_t i = 0; i < n; i++) {
    const float y = float_of(expected[outputs_seen++]);
    if (!(fabsf(x[i] - y) <= tolerance * (1 + fabsf(y))))
      fail("%s[%zu] is %a, where %s gives %a", what, i, (double)x[i], first_name, (double)y);
  }
}

static void check_attention(void) {
  // Both strides leave numbers of others between the tokens, which must stay.
  const size_t stride = 3 * width + 5, output_stride = width + 3;
  const size_t n = (tokens - 1) * stride + 3 * width, output_n = (tokens - 1) * output_stride + width;
  const float *qkv = filled(n, kind), *d_output = filled(output_n, kind);
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
  CALL(attention, &head, o, scratch);
  record_attention("o", o, output_n);
  CALL(attention_backward, &head, d_output, d_qkv, d_qkv + width, d_qkv + 2 * width, scratch);
  record_attention("dq, dk, dv", d_qkv, n);
  record_attention("d_bias", d_bias, square);
}

static void check_heads(void) {
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
          hash = &results[j].attention_hash;
          check_attention();
        }
      }
}

int main(void) {
  const struct sigaction action = {.sa_handler = report_fault};
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
  map_slots();

  const tj_kernels *kernels;
  for (size_t i = 0; (kernels = tj_kernels_at(i)); i++)
    if (kernels->is_available() && table_count < TABLES) results[table_count++].kernels = kernels;
  if (table_count == 0) fail("no kernels");
  if (table_count == 1)
    puts("only the portable kernels are available: they are held to themselves and to the definition");

  check_quantizers();
  check_products();
  check_layers();
  check_heads();
  for (size_t i = 0; i < table_count; i++) {
    table = results[i].kernels;
    describe("10 iterations");
    if (!(CALL(dot_product_peak, 10) > 0)) fail("no operations");
  }

  for (size_t i = 0; i < table_count; i++) {
    const table_result *result = &results[i];
    printf("%-8s %zu outputs, hash %016llx, ", result->kernels->name, result->outputs,
           (unsigned long long)result->hash);
    if (is_fused(result->kernels))
      printf("fused attention %016llx\n", (unsigned long long)result->attention_hash);
    else
      puts("attention not fused");
  }
  puts("all equal");
}
