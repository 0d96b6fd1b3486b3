// Blocks of SHA-256 (FIPS 180-4) by the instructions that processors have for it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Whether this processor has them.
bool tj_sha256_is_there(void);

/// Takes blocks of 64 bytes into a state; only where the instructions are there.
///
/// @param state     the eight words a … h.
/// @param constants the 64 words of the rounds.
void tj_sha256_blocks(uint32_t *state, const uint8_t *blocks, size_t count, const uint32_t *constants);
