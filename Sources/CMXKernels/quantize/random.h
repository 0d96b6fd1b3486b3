// The random bits of stochastic rounding, for sixteen neighbouring columns at once.
#ifndef TJ_RANDOM_H
#define TJ_RANDOM_H

#include "CMXKernels.h"
#include "vector/vector.h"

/// Both halves of sixteen 32 x 32-bit products; the high ones from the even and the odd lanes.
TJ_INLINE void multiply_wide(vuint a, uint32_t b, vuint *high, vuint *low) {
  vwide even = ((vwide)a & 0xffffffffu) * (uint64_t)b;
  vwide odd = ((vwide)a >> 32) * (uint64_t)b;
  *low = a * b;
  *high = (vuint)((even >> 32) | (odd & 0xffffffff00000000u));
}

/// Philox4x32-10 of sixteen neighbouring counters (column + lane, block, stream).
TJ_INLINE void philox(uint32_t column, uint32_t block, const tj_quantizer *quantizer, vuint words[4]) {
  const vuint lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  vuint c0 = lane + column, c1 = (vuint)block;
  vuint c2 = (vuint)quantizer->stream[0], c3 = (vuint)quantizer->stream[1];
  uint32_t k0 = quantizer->key[0], k1 = quantizer->key[1];
  for (int round = 0; round < 10; round++) {
    vuint even_high, even_low, odd_high, odd_low;
    multiply_wide(c0, 0xD2511F53u, &even_high, &even_low);
    multiply_wide(c2, 0xCD9E8D57u, &odd_high, &odd_low);
    c0 = odd_high ^ c1 ^ k0;
    c1 = odd_low;
    c2 = even_high ^ c3 ^ k1;
    c3 = even_low;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

/// What stochastic rounding adds to a fraction of 17 bits before it cuts them off, for a row of the block of eight
/// rows that the words belong to: 2^17 - 2 - 2 r with r the row's 16 random bits.
TJ_INLINE vint rounding_noise(const vuint words[4], size_t row) {
  const vuint word = words[row % 8 / 2];
  return (vint)(~(row % 2 == 0 ? word << 1 : word >> 15) & 0x1fffe);
}

#endif
