// The random bits of stochastic rounding, for sixteen neighbouring columns at once.
#ifndef TJ_RANDOM_H
#define TJ_RANDOM_H

#include "CMXKernels.h"
#include "vector/vector.h"

/// Sixteen 32-bit numbers as the low halves of 64-bit ones, of the even lanes and of the odd ones, which is how products of
/// 32 x 32 bits read and write them. What stands in the high halves does not matter.
typedef struct {
  vwide even, odd;
} split_lanes;

TJ_INLINE split_lanes multiply_wide(split_lanes a, uint32_t b) {
  return (split_lanes){(a.even & 0xffffffffu) * b, (a.odd & 0xffffffffu) * b};
}

/// The high halves of a ^ low halves of b ^ key.
TJ_INLINE split_lanes mix_high(split_lanes a, split_lanes b, uint32_t key) {
  return (split_lanes){(a.even >> 32) ^ b.even ^ key, (a.odd >> 32) ^ b.odd ^ key};
}

TJ_INLINE vuint join_lanes(split_lanes a) { return (vuint)((a.even & 0xffffffffu) | (a.odd << 32)); }

/// Philox4x32-10 of sixteen neighbouring counters (column + lane, block, stream).
TJ_INLINE void philox(uint32_t column, uint32_t block, const tj_quantizer *quantizer, vuint words[4]) {
  const vwide even = {0, 2, 4, 6, 8, 10, 12, 14};
  split_lanes c0 = {even + column, even + column + 1}, c1 = {(vwide)(uint64_t)block, (vwide)(uint64_t)block};
  const uint64_t stream = quantizer->stream[0], high_stream = quantizer->stream[1];
  split_lanes c2 = {(vwide)stream, (vwide)stream}, c3 = {(vwide)high_stream, (vwide)high_stream};
  uint32_t k0 = quantizer->key[0], k1 = quantizer->key[1];
#pragma clang loop unroll(full)
  for (int round = 0; round < 10; round++) {
    const split_lanes first = multiply_wide(c0, 0xD2511F53u), second = multiply_wide(c2, 0xCD9E8D57u);
    c0 = mix_high(second, c1, k0);
    c2 = mix_high(first, c3, k1);
    c1 = second;
    c3 = first;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  words[0] = join_lanes(c0);
  words[1] = join_lanes(c1);
  words[2] = join_lanes(c2);
  words[3] = join_lanes(c3);
}

/// What stochastic rounding adds to a fraction of 17 bits before it cuts them off, for a row of the block of eight
/// rows that the words belong to: 2^17 - 2 - 2 r with r the row's 16 random bits.
TJ_INLINE vint rounding_noise(const vuint words[4], size_t row) {
  const vuint word = words[row % 8 / 2];
  return (vint)(~(row % 2 == 0 ? word << 1 : word >> 15) & 0x1fffe);
}

#endif
