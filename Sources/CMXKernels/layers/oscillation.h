// What watches and calms oscillating weights: moving averages, Q-Ramping's AdamW, the pull towards the grid, how
// far weights and their quantized values move.
#ifndef TJ_OSCILLATION_H
#define TJ_OSCILLATION_H

#include "CMXKernels.h"
#include "vector/vector.h"

// Q-EMA (Algorithm 1): average <- beta average + (1 - beta) w.

static void moving_average(float beta, const float *w, float *average, size_t n) {
  const float rest = 1 - beta;
  for (size_t i = 0; i < n; i += TJ_LANES) {
    const size_t lanes = lanes_from(i, n);
    store_some(average + i, load_some(average + i, lanes) * beta + load_some(w + i, lanes) * rest, lanes);
  }
}

// Q-Ramping (Algorithm 2): AdamW in which an element waits for `period` gradients and then takes one step on their
// mean, with the learning rate times their number. Decay does not wait.

static void ramping_adamw(const tj_adamw *step, const tj_ramping *ramping, const float *gradient,
                          float *weight, float *m, float *v, size_t n) {
  for (size_t i = 0; i < n; i += TJ_LANES) {
    const size_t lanes = lanes_from(i, n);
    vfloat sum = load_some(ramping->sum + i, lanes) + load_some(gradient + i, lanes) * step->gradient_scale;
    vfloat count = load_some(ramping->count + i, lanes) + 1.0f;
    const vint is_due = count >= load_some(ramping->period + i, lanes);
    const vfloat g = sum / count;
    const vfloat old_first = load_some(m + i, lanes), old_second = load_some(v + i, lanes);
    const vfloat first = old_first * step->beta1 + g * (1 - step->beta1);
    const vfloat second = old_second * step->beta2 + g * g * (1 - step->beta2);
    const vfloat root = __builtin_elementwise_sqrt(second) * step->correction2 + step->epsilon;
    vfloat w = load_some(weight + i, lanes);
    w -= w * step->decay;
    const vfloat moved = w - first * step->correction1 / root * (count * step->learning_rate);
    store_some(weight + i, choose(is_due, moved, w), lanes);
    store_some(m + i, choose(is_due, first, old_first), lanes);
    store_some(v + i, choose(is_due, second, old_second), lanes);
    store_some(ramping->sum + i, choose(is_due, splat(0), sum), lanes);
    store_some(ramping->count + i, choose(is_due, splat(0), count), lanes);
  }
}

// Dampen: the gradient of lambda (w - Q(w))^2, with scale = 2 lambda.

static void add_scaled_difference(float *y, float scale, const float *a, const float *b, size_t n) {
  for (size_t i = 0; i < n; i += TJ_LANES) {
    const size_t lanes = lanes_from(i, n);
    const vfloat difference = load_some(a + i, lanes) - load_some(b + i, lanes);
    store_some(y + i, load_some(y + i, lanes) + difference * scale, lanes);
  }
}

/// |x| of every lane.
TJ_INLINE vfloat absolute(vfloat x) { return as_float(as_int(x) & ~TJ_SIGN); }

/// The paths of w and q go on, and the values before become the values now. `movement` is added to.
static void track_movement(const float *w, const float *q, const tj_track *track, tj_movement *movement,
                           size_t n) {
  enum { BLOCK = 64 * TJ_LANES };
  for (size_t start = 0; start < n; start += BLOCK) {
    const size_t end = n - start < BLOCK ? n : start + BLOCK;
    vfloat change = splat(0), magnitude = splat(0), q_change = splat(0), q_magnitude = splat(0);
    vint flips = (vint)0;
    for (size_t i = start; i < end; i += TJ_LANES) {
      const size_t lanes = lanes_from(i, end);
      const vfloat w_now = load_some(w + i, lanes), w_before = load_some(track->w_before + i, lanes);
      const vfloat q_now = load_some(q + i, lanes), q_before = load_some(track->q_before + i, lanes);
      const vfloat dw = absolute(w_now - w_before), dq = absolute(q_now - q_before);
      change += dw * dw;
      magnitude += w_before * w_before;
      q_change += dq * dq;
      q_magnitude += q_before * q_before;
      flips -= q_now != q_before;
      store_some(track->w_path + i, load_some(track->w_path + i, lanes) + dw, lanes);
      store_some(track->q_path + i, load_some(track->q_path + i, lanes) + dq, lanes);
      store_some(track->w_before + i, w_now, lanes);
      store_some(track->q_before + i, q_now, lanes);
    }
    // Blocks in single precision, their sums in double.
    movement->change += (double)sum_lanes(change);
    movement->magnitude += (double)sum_lanes(magnitude);
    movement->q_change += (double)sum_lanes(q_change);
    movement->q_magnitude += (double)sum_lanes(q_magnitude);
    movement->flips += (uint64_t)__builtin_reduce_add(flips);
  }
}

#endif
