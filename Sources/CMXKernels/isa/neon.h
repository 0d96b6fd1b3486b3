// What the products of all instruction sets with NEON share.
#ifndef TJ_NEON_H
#define TJ_NEON_H

#include <arm_neon.h>

#include "product/groups.h"
#include "vector/vector.h"

TJ_INLINE vbytes lookup_bytes(const uint8_t table[16], vbytes codes) {
  const uint8x16_t wide = vld1q_u8(table);
  uint8x16_t quarters[4];
  memcpy(quarters, &codes, sizeof quarters);
  for (int i = 0; i < 4; i++) quarters[i] = vqtbl1q_u8(wide, quarters[i]);
  memcpy(&codes, quarters, sizeof codes);
  return codes;
}

#endif
