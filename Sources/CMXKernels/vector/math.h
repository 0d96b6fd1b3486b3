// Elementary functions on sixteen lanes.
#ifndef TJ_VECTOR_MATH_H
#define TJ_VECTOR_MATH_H

#include "vector/vector.h"

/// e^x, relative error below 2e-7 for -87 <= x <= 88; x is clamped to that range.
/// x = n ln 2 + r with |r| <= ln 2 / 2, Taylor's series of e^r to r^7, exponent n by its bits.
TJ_INLINE vfloat exponential(vfloat x) {
  x = minimum(maximum(x, splat(-87.0f)), splat(88.0f));
  vfloat n = round_even(x * 0x1.715476p0f);
  // ln 2 in two parts, the first with few enough bits that n times it is exact.
  vfloat r = (x - n * 0x1.62ep-1f) - n * 0x1.0bfbe8p-15f;
  vfloat p = splat(1.0f / 5040);
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  vint exponent = __builtin_convertvector(n, vint);
  return p * as_float((exponent + 127) << 23);
}

/// The normal distribution function Phi(x), given gauss = e^(-x^2/2). Relative error below
/// (8 + x^2/2) 2^-23 for |x| <= 12: a few units in the last place, and what rounding x^2/2 costs e^(-x^2/2).
/// With z = |x|/sqrt 2 and t = 1/(1 + 0.38 z), erfc(z) e^(z^2) = t P(t); the coefficients of P are a
/// minimax fit (iteratively reweighted least squares, relative error 2e-8) made for this file.
TJ_INLINE vfloat normal_distribution(vfloat x, vfloat gauss) {
  vfloat z = as_float(as_int(x) & 0x7fffffff) * 0.70710678f;
  vfloat t = 1.0f / (z * 0.38f + 1.0f);
  vfloat p = splat(0.0589642823f);
  p = p * t + -0.262267411f;
  p = p * t + 0.363830328f;
  p = p * t + -0.161419779f;
  p = p * t + 0.229994774f;
  p = p * t + 0.13866435f;
  p = p * t + 0.203902587f;
  p = p * t + 0.213919938f;
  p = p * t + 0.214410931f;
  vfloat tail = 0.5f * p * t * gauss;
  return choose(as_int(x) < 0, tail, 1.0f - tail);
}

#endif
