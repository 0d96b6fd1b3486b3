// Plain C on the compiler's vectors, for whatever every processor of the architecture has: SSE2 on x86-64,
// NEON on Arm. A vector is four registers.
#include "CMXKernels.h"

#define TJ_ISA portable
#define TJ_AVAILABLE 1
#if defined(__aarch64__)
  #define TJ_FUSED 1
#else
  #define TJ_FUSED 0
#endif
#define TJ_FLOAT_ROWS 2
#define TJ_FLOAT_VECTORS 1
#define TJ_TILE_PANELS 1
#define TJ_UNSIGNED 0

#include "product/groups.h"
#include "vector/vector.h"

typedef int16_t vshort8 __attribute__((ext_vector_type(8)));
typedef int32_t vint4 __attribute__((ext_vector_type(4)));

TJ_INLINE vbytes lookup_bytes(const uint8_t table[16], vbytes codes) {
  uint8_t bytes[sizeof codes];
  memcpy(bytes, &codes, sizeof bytes);
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = table[bytes[i]];
  memcpy(&codes, bytes, sizeof codes);
  return codes;
}

/// The 16-bit halves of every lane, added.
TJ_INLINE vint4 add_halves(vshort8 pairs) { return (((vint4)pairs << 16) >> 16) + ((vint4)pairs >> 16); }

/// The bytes 0 and 2 of every lane as its 16-bit halves, and the bytes 1 and 3.
TJ_INLINE vshort8 even_bytes(vshort8 bytes) { return (bytes << 8) >> 8; }
TJ_INLINE vshort8 odd_bytes(vshort8 bytes) { return bytes >> 8; }

typedef double vdouble __attribute__((ext_vector_type(TJ_LANES)));
typedef int64_t vlong __attribute__((ext_vector_type(TJ_LANES)));

/// a b + c, rounded once, of any numbers. In double precision the product is exact; where the sum is not, and its last bit is 0, it
/// becomes the neighbour on the side of what was lost, and what is odd rounds to single precision as the exact sum does.
TJ_INLINE vfloat multiply_add_in_double(vfloat a, vfloat b, vfloat c) {
  const vdouble product = __builtin_convertvector(a, vdouble) * __builtin_convertvector(b, vdouble);
  const vdouble added = __builtin_convertvector(c, vdouble);
  const vdouble sum = product + added, rest = sum - product;
  const vdouble lost = (product - (sum - rest)) + (added - rest);
  const vlong bits = (vlong)sum, shrinks = (lost > 0.0) != (sum > 0.0);
  const vlong is_even = ((lost > 0.0) | (lost < 0.0)) & ((bits & 1) == 0);
  return __builtin_convertvector((vdouble)(bits + (is_even & (shrinks | 1))), vfloat);
}

/// a b + c, rounded once. Where a has 18 bits and b four, the product is exact, and an ordinary addition does it, unless the product
/// leaves the range of normal numbers.
TJ_INLINE vfloat multiply_add_exactly(vfloat a, vfloat b, vfloat c) {
#if TJ_FUSED
  return __builtin_elementwise_fma(a, b, c);
#else
  const vfloat product = a * b;
  const vint magnitude = as_int(product) & ~TJ_SIGN;
  const vint is_normal = (magnitude >= 0x800000) & (magnitude < 0x7f800000);
  const vint is_short = ((as_int(a) & 0x3f) | (as_int(b) & 0xfffff)) == 0;
  if (__builtin_reduce_and((is_normal & is_short) | (a == 0.0f & b == b)) == -1) return product + c;
  return multiply_add_in_double(a, b, c);
#endif
}

/// The dot products of one group: 4 rows x 16 lanes, by quarters of four lanes that fit the registers. Sums of 16
/// bits hold a whole group unless both formats are E3M0.
TJ_INLINE void group_products(const left_group *left, size_t first, const right_group *right, vint dot[4],
                              const int is_narrow, const int steps) {
  vshort8 even[8][4], odd[8][4];
  for (int step = 0; step < steps; step++)
    for (size_t row = 0; row < 4; row++) {
      int32_t four;
      memcpy(&four, left->codes[step][first + row], sizeof four);
      even[step][row] = even_bytes((vshort8)(vint4)four);
      odd[step][row] = odd_bytes((vshort8)(vint4)four);
    }
  for (size_t quarter = 0; quarter < 4; quarter++) {
    vshort8 narrow[4] = {0};
    vint4 wide[4] = {0};
    for (int step = 0; step < steps; step++) {
      vshort8 b;
      memcpy(&b, right->codes[step][4 * quarter], sizeof b);
      const vshort8 b_even = even_bytes(b), b_odd = odd_bytes(b);
      for (size_t row = 0; row < 4; row++) {
        const vshort8 pairs = even[step][row] * b_even + odd[step][row] * b_odd;
        if (is_narrow)
          narrow[row] += pairs;
        else
          wide[row] += add_halves(pairs);
      }
    }
    for (size_t row = 0; row < 4; row++) {
      const vint4 sums = is_narrow ? add_halves(narrow[row]) : wide[row];
      memcpy((char *)&dot[row] + 16 * quarter, &sums, sizeof sums);
    }
  }
}

/// 4 rows x 1 panel.
TJ_INLINE void tile(const left_group *left, size_t first, const right_group *right, size_t groups, float *c,
                    size_t stride, int resumes, const float *bias, const int panels, const int scales,
                    const int is_narrow, const int steps) {
  (void)panels;
  vfloat sum[4];
  for (size_t row = 0; row < 4; row++) sum[row] = resumes ? load(c + row * stride) : splat(0);
  for (size_t group = 0; group < groups;
       group++, left = left_at(left, 1, steps), right = right_at(right, 1, steps)) {
    vint dot[4];
    group_products(left, first, right, dot, is_narrow, steps);
    const vfloat unit = load(right->unit);
    for (size_t row = 0; row < 4; row++) {
      const vint d = dot[row] + left->start[first + row];
      const vfloat left_unit = splat(left->unit[first + row]);
      const vfloat term =
          scales == TJ_HUGE_SCALES ? __builtin_convertvector(d, vfloat) * left_unit : as_float(d) - left_unit;
      sum[row] = multiply_add_exactly(term, unit, sum[row]);
    }
  }
  for (size_t row = 0; row < 4; row++) {
    if (bias) sum[row] += load(bias);
    store(c + row * stride, sum[row]);
  }
}

static double dot_product_peak(size_t iterations) {
  enum { CHAINS = 8 };
  vshort8 sum[CHAINS], a = (vshort8)3, b = (vshort8)5;
  for (int i = 0; i < CHAINS; i++) sum[i] = (vshort8)(int16_t)i;
  for (size_t n = 0; n < iterations; n++)
    for (int i = 0; i < CHAINS; i++) {
      vshort8 product = a * b;
      __asm__ volatile("" : "+m"(a)); // or the compiler would hoist the product
      sum[i] += product;
    }
  __asm__ volatile("" : : "m"(sum));
  return 2.0 * 8 * CHAINS * (double)iterations;
}

#include "isa/table.h"
