// What a transformer needs besides matrix products and attention: GELU, layer norm, sums and AdamW.
// Forward and backward stand side by side.
#ifndef TJ_LAYERS_H
#define TJ_LAYERS_H

#include "CMXKernels.h"
#include "vector/math.h"

// GELU, the exact one: y = x Phi(x).

static void gelu(const float *x, float *y, size_t n) {
  for (size_t i = 0; i < n; i += TJ_LANES) {
    const size_t lanes = lanes_from(i, n);
    vfloat a = load_some(x + i, lanes);
    vfloat gauss = exponential(a * a * -0.5f);
    store_some(y + i, a * normal_distribution(a, gauss), lanes);
  }
}

static void gelu_backward(const float *x, const float *dy, float *dx, size_t n) {
  for (size_t i = 0; i < n; i += TJ_LANES) {
    const size_t lanes = lanes_from(i, n);
    vfloat a = load_some(x + i, lanes);
    vfloat gauss = exponential(a * a * -0.5f);
    // phi(x) = e^(-x^2/2) / sqrt(2 pi)
    vfloat slope = normal_distribution(a, gauss) + a * gauss * 0.39894228f;
    store_some(dx + i, load_some(dy + i, lanes) * slope, lanes);
  }
}

// Layer norm over rows of D numbers: y = (x - mean) rstd weight + bias, variance without correction.

static void layer_norm(const float *x, const float *weight, const float *bias, float epsilon, float *y,
                       float *mean, float *rstd, size_t rows, size_t columns) {
  for (size_t row = 0; row < rows; row++, x += columns, y += columns) {
    vfloat sum = splat(0), squares = splat(0);
    for (size_t i = 0; i < columns; i += TJ_LANES) sum += load_some(x + i, lanes_from(i, columns));
    const float m = sum_lanes(sum) / (float)columns;
    for (size_t i = 0; i < columns; i += TJ_LANES) {
      const size_t lanes = lanes_from(i, columns);
      vfloat centered = load_some(x + i, lanes) - m;
      // The lanes beyond the row must not count as 0 - mean.
      if (lanes < TJ_LANES) centered = first_lanes(centered, lanes);
      squares += centered * centered;
    }
    const float r = 1.0f / __builtin_sqrtf(sum_lanes(squares) / (float)columns + epsilon);
    for (size_t i = 0; i < columns; i += TJ_LANES) {
      const size_t lanes = lanes_from(i, columns);
      vfloat normal = (load_some(x + i, lanes) - m) * r;
      store_some(y + i, normal * load_some(weight + i, lanes) + load_some(bias + i, lanes), lanes);
    }
    mean[row] = m;
    rstd[row] = r;
  }
}

// With n = (x - mean) rstd and g = dy weight: dx = rstd (g - mean(g) - n mean(g n)).

static void layer_norm_backward(const float *x, const float *weight, const float *mean, const float *rstd,
                                const float *dy, float *dx, float *dweight, float *dbias, size_t rows,
                                size_t columns) {
  for (size_t row = 0; row < rows; row++, x += columns, dy += columns, dx += columns) {
    const float m = mean[row], r = rstd[row];
    vfloat sum = splat(0), product = splat(0);
    for (size_t i = 0; i < columns; i += TJ_LANES) {
      const size_t lanes = lanes_from(i, columns);
      vfloat g = load_some(dy + i, lanes); // zero beyond the row, and so are the products below
      vfloat normal = (load_some(x + i, lanes) - m) * r;
      store_some(dweight + i, load_some(dweight + i, lanes) + g * normal, lanes);
      store_some(dbias + i, load_some(dbias + i, lanes) + g, lanes);
      g *= load_some(weight + i, lanes);
      sum += g;
      product += g * normal;
    }
    const float mean_g = sum_lanes(sum) / (float)columns;
    const float mean_gn = sum_lanes(product) / (float)columns;
    for (size_t i = 0; i < columns; i += TJ_LANES) {
      const size_t lanes = lanes_from(i, columns);
      vfloat g = load_some(dy + i, lanes) * load_some(weight + i, lanes);
      vfloat normal = (load_some(x + i, lanes) - m) * r;
      vfloat gradient = (g - mean_g - normal * mean_gn) * r;
      store_some(dx + i, load_some(dx + i, lanes) + gradient, lanes);
    }
  }
}

// Sums.

static void broadcast_row(const float *bias, float *y, size_t rows, size_t columns) {
  for (size_t row = 0; row < rows; row++) memcpy(y + row * columns, bias, columns * sizeof(float));
}

static void add_column_sums(const float *x, float *sums, size_t rows, size_t columns) {
  for (size_t i = 0; i < columns; i += TJ_LANES) {
    const size_t lanes = lanes_from(i, columns);
    vfloat sum = splat(0);
    for (size_t row = 0; row < rows; row++) sum += load_some(x + row * columns + i, lanes);
    store_some(sums + i, load_some(sums + i, lanes) + sum, lanes);
  }
}

static void add_scaled(const float *x, float scale, const float *branch, float *y, size_t n) {
  for (size_t i = 0; i < n; i += TJ_LANES) {
    const size_t lanes = lanes_from(i, n);
    store_some(y + i, load_some(x + i, lanes) + load_some(branch + i, lanes) * scale, lanes);
  }
}

static float largest_finite_magnitude(const float *x, size_t n) {
  // As integers magnitudes are in order.
  vint largest = (vint)0;
  for (size_t i = 0; i < n; i += TJ_LANES) {
    const vint bits = as_int(load_some(x + i, lanes_from(i, n))) & ~TJ_SIGN;
    largest = maximum_int(largest, bits & (bits < 0x7f800000));
  }
  const int32_t bits = max_lanes_int(largest);
  float magnitude;
  memcpy(&magnitude, &bits, sizeof magnitude);
  return magnitude;
}

static double sum_of_squares(const float *x, size_t n) {
  double sum = 0;
  // Sixteen at a time in single precision, then double: exact enough for a norm over millions.
  for (size_t i = 0; i < n; i += TJ_LANES) {
    vfloat a = load_some(x + i, lanes_from(i, n));
    sum += (double)sum_lanes(a * a);
  }
  return sum;
}

// AdamW (Loshchilov and Hutter 2019), decoupled decay:
// w -= lr wd w + lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon).

static void adamw(const tj_adamw *step, const float *gradient, float *weight, float *m, float *v, size_t n) {
  for (size_t i = 0; i < n; i += TJ_LANES) {
    const size_t lanes = lanes_from(i, n);
    vfloat g = load_some(gradient + i, lanes) * step->gradient_scale;
    vfloat first = load_some(m + i, lanes) * step->beta1 + g * (1 - step->beta1);
    vfloat second = load_some(v + i, lanes) * step->beta2 + g * g * (1 - step->beta2);
    vfloat root = __builtin_elementwise_sqrt(second) * step->correction2 + step->epsilon;
    vfloat w = load_some(weight + i, lanes);
    w -= w * step->decay;
    w -= first * step->correction1 / root * step->learning_rate;
    store_some(m + i, first, lanes);
    store_some(v + i, second, lanes);
    store_some(weight + i, w, lanes);
  }
}

#endif
