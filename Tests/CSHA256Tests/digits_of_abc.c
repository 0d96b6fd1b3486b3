// Prints the SHA-256 of "abc" by the processor's own instructions.
#include <CSHA256.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  // The first 32 bits of the fractional parts of roots of primes: cube roots for the rounds, square roots for the start.
  uint32_t constants[64], state[8];
  for (int candidate = 2, found = 0; found < 64; candidate++) {
    bool is_prime = true;
    for (int divisor = 2; divisor * divisor <= candidate; divisor++) is_prime &= candidate % divisor != 0;
    if (!is_prime) continue;
    const long double cubic = cbrtl(candidate), square = sqrtl(candidate);
    if (found < 8) state[found] = (uint32_t)ldexpl(square - floorl(square), 32);
    constants[found++] = (uint32_t)ldexpl(cubic - floorl(cubic), 32);
  }
  uint8_t block[64] = "abc\x80";
  block[63] = 8 * strlen("abc");
  if (!tj_sha256_is_there()) return puts("no such instructions"), 1;
  tj_sha256_blocks(state, block, 1, constants);
  for (int i = 0; i < 8; i++) printf("%08x", state[i]);
  puts("");
}
