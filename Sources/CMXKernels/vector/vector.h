// Sixteen lanes, whatever the hardware: the compiler splits them into the registers there are.
#ifndef TJ_VECTOR_H
#define TJ_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Contraction would make the bits depend on whether the instruction set has a fused multiply-add.
#pragma STDC FP_CONTRACT OFF
// All functions below are inlined, so the calling convention the warning is about is never used.
#pragma clang diagnostic ignored "-Wpsabi"

#define TJ_LANES 16
#define TJ_SIGN ((int32_t)0x80000000)
#define TJ_INLINE static inline __attribute__((always_inline, unused))

typedef float vfloat __attribute__((ext_vector_type(TJ_LANES)));
typedef int32_t vint __attribute__((ext_vector_type(TJ_LANES)));
typedef uint32_t vuint __attribute__((ext_vector_type(TJ_LANES)));
typedef uint8_t vbytes __attribute__((ext_vector_type(4 * TJ_LANES)));
typedef uint64_t vwide __attribute__((ext_vector_type(TJ_LANES / 2)));

TJ_INLINE vfloat as_float(vint bits) { return (vfloat)bits; }
TJ_INLINE vint as_int(vfloat x) { return (vint)x; }

TJ_INLINE vfloat splat(float x) { return (vfloat)x; }

TJ_INLINE vfloat load(const float *p) {
  vfloat x;
  memcpy(&x, p, sizeof x);
  return x;
}

TJ_INLINE void store(float *p, vfloat x) { memcpy(p, &x, sizeof x); }

/// The first n lanes; the others are zero. Reads no byte beyond them.
TJ_INLINE vfloat load_some(const float *p, size_t n) {
  if (n >= TJ_LANES) return load(p);
  vfloat x = splat(0);
  memcpy(&x, p, n * sizeof(float));
  return x;
}

/// All ones in the first n lanes.
TJ_INLINE vint lanes_below(size_t n) {
  const vint numbers = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return numbers < (vint)(int32_t)n;
}

/// The first n lanes; the others become zero.
TJ_INLINE vfloat first_lanes(vfloat x, size_t n) { return as_float(as_int(x) & lanes_below(n)); }

/// How many of the lanes from i on lie below n.
TJ_INLINE size_t lanes_from(size_t i, size_t n) { return n - i < TJ_LANES ? n - i : TJ_LANES; }

/// Writes the first n lanes and no byte beyond them.
TJ_INLINE void store_some(float *p, vfloat x, size_t n) {
  if (n >= TJ_LANES) {
    store(p, x);
  } else {
    memcpy(p, &x, n * sizeof(float));
  }
}

/// a where the mask is all ones, b where it is zero.
TJ_INLINE vfloat choose(vint mask, vfloat a, vfloat b) {
  return as_float((mask & as_int(a)) | (~mask & as_int(b)));
}
TJ_INLINE vint choose_int(vint mask, vint a, vint b) { return (mask & a) | (~mask & b); }

TJ_INLINE vint maximum_int(vint a, vint b) { return __builtin_elementwise_max(a, b); }
TJ_INLINE vint minimum_int(vint a, vint b) { return __builtin_elementwise_min(a, b); }

TJ_INLINE vfloat maximum(vfloat a, vfloat b) { return choose(a > b, a, b); }
TJ_INLINE vfloat minimum(vfloat a, vfloat b) { return choose(a < b, a, b); }

/// The integer below x, for 0 <= x < 2^31.
TJ_INLINE vfloat truncate(vfloat x) {
  return __builtin_convertvector(__builtin_convertvector(x, vint), vfloat);
}

/// The nearest integer, ties to even, for |x| < 2^22: adding 1.5 * 2^23 leaves no bit for a fraction.
TJ_INLINE vfloat round_even(vfloat x) { return (x + 0x1.8p23f) - 0x1.8p23f; }

/// a b + c, rounded once where the hardware can.
TJ_INLINE vfloat multiply_add(vfloat a, vfloat b, vfloat c) {
#if TJ_FUSED
  return __builtin_elementwise_fma(a, b, c);
#else
  return a * b + c;
#endif
}

// Reductions over the lanes: one tree, halves first.
TJ_INLINE float sum_lanes(vfloat x) {
  float lanes[TJ_LANES];
  memcpy(lanes, &x, sizeof x);
  for (int half = TJ_LANES / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
  return lanes[0];
}

TJ_INLINE float max_lanes(vfloat x) {
  float lanes[TJ_LANES];
  memcpy(lanes, &x, sizeof x);
  for (int half = TJ_LANES / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) lanes[i] = lanes[i] > lanes[i + half] ? lanes[i] : lanes[i + half];
  return lanes[0];
}

TJ_INLINE int32_t max_lanes_int(vint x) { return __builtin_reduce_max(x); }

#endif
