// What the comparisons share: guarded memory, made-up data, and records that hold one table's output to the first's.
#ifndef TJ_HARNESS_H
#define TJ_HARNESS_H

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

enum { GROUP = 32, LANES = 16 };
enum { E2M1, E3M0, INT4, E2M3, NVFP4, E3M2, E4M3, E5M2, NVFP4_RUNS, FORMATS };
// The scale rules (`make_quantizer`).
enum { RULES = 5 };
enum { NEAREST_EVEN, NEAREST_AWAY, STOCHASTIC, MOVING_AVERAGE, ROUNDINGS };

static size_t blocks_of(size_t length) { return (length + GROUP - 1) / GROUP; }
static size_t panels_of(size_t lanes) { return (lanes + LANES - 1) / LANES; }

/// Whether a format's codes take a byte each in packed matrices.
static int is_wide(int format) { return format >= E2M3 && format != NVFP4 && format != NVFP4_RUNS; }
/// Whether scales are numbers of E4M3.
static int has_numbers(int format) { return format == NVFP4 || format == NVFP4_RUNS; }
/// Whether there are packed matrices of it.
static int is_packed(int format) { return format <= NVFP4 || format == NVFP4_RUNS; }
/// Groups of a lane in a block.
static size_t groups_of(int format) { return has_numbers(format) ? 2 : 1; }
/// Bytes of a block's scales: runs have a number for each lane behind the groups' bytes.
static size_t scales_of(int format) { return LANES * (groups_of(format) + (format == NVFP4_RUNS ? 4 : 0)); }
/// Where quantizers may cut an axis of groups.
static size_t cut_of(int format) { return format == NVFP4_RUNS ? 128 : GROUP; }
/// Bytes of a block's codes.
static size_t block_of(int format) { return GROUP * LANES / (is_wide(format) ? 1 : 2); }

// MARK: - What is being done, for the line that says what went wrong

static const tj_kernels *table; // whose kernels run
static const char *kernel = ""; // the last one called
static char setting[256];       // shapes and parameters

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
  const char *parts[] = {table ? table->name : "start",     ", ", kernel, ", ", setting,
                         ": touched memory out of bounds\n"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (write(STDERR_FILENO, parts[i], strlen(parts[i])) < 0) break;
  _exit(1);
}

// MARK: - Guarded memory

enum { SLOTS = 32, SLOT_BYTES = 1 << 20 }; // whole pages of every size in use
static char *slots[SLOTS];
static size_t slots_in_use;
static int is_at_end; // whether memory ends at a guard, or begins at one

static void map_slots(void) {
  const size_t guard = (size_t)sysconf(_SC_PAGESIZE), stride = SLOT_BYTES + guard;
  char *start = mmap(NULL, SLOTS * stride + guard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
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
  case 0: bits = draw_below(0x7f800000); break; // any
  case 1: bits = draw_below(0x800000); break;   // subnormal
  case 2: bits = 0; break;
  case 3: bits = 0x7f61b1e6; break;            // 3e38
  case 4: bits = 0x7f7fffff; break;            // the largest
  case 5: bits = 0x00800000; break;            // the smallest normal
  case 6: bits = draw_below(255) << 23; break; // a power of two
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

/// The outer scale under which x is quantized: what its largest magnitude is of the largest that there is.
static float outer_scale_of(const float *x, size_t n, int format) {
  if (format != NVFP4 && format != INT4) return 1;
  float largest = 0;
  for (size_t i = 0; i < n; i++)
    if (isfinite(x[i]) && fabsf(x[i]) > largest) largest = fabsf(x[i]);
  if (largest == 0) return 1;
  return format == NVFP4 ? fmaxf(largest / 2688, 0x1p-126f) : largest / 7;
}

static float *copy_of(const float *x, size_t n) { return memcpy(guarded_floats(n), x, n * sizeof *x); }

// MARK: - Comparisons

enum { TABLES = 8 };
typedef struct {
  const tj_kernels *kernels;
  size_t outputs, bf16_outputs;
  uint64_t hash, attention_hash, bf16_hash;
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

#endif
