#include "CSHA256.h"

// Four rounds at a time: 16 times. The message's words lie in four vectors, of which each time the one that is the farthest back
// is replaced by the next one: W[t] = σ1(W[t − 2]) + W[t − 7] + σ0(W[t − 15]) + W[t − 16].
#define TURNS 16

#if defined(__x86_64__)

  #include <cpuid.h>
  #include <immintrin.h>

bool tj_sha256_is_there(void) {
  unsigned eax, ebx, ecx, edx;
  const unsigned SSSE3_AND_SSE41 = 1u << 9 | 1u << 19, SHA = 1u << 29;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || (ecx & SSSE3_AND_SSE41) != SSSE3_AND_SSE41) return false;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & SHA);
}

__attribute__((target("sha,sse4.1"))) void tj_sha256_blocks(uint32_t *state, const uint8_t *blocks,
                                                            size_t count, const uint32_t *constants) {
  const __m128i swap = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
  // The instructions want a, b, e, f in one vector and c, d, g, h in the other one, the first of each at the top.
  const __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xB1);
  const __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1B);
  __m128i abef = _mm_alignr_epi8(badc, hgfe, 8), cdgh = _mm_blend_epi16(hgfe, badc, 0xF0);
  for (; count > 0; count--, blocks += 64) {
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i w[4];
  #pragma unroll
    for (int turn = 0; turn < TURNS; turn++) {
      __m128i *next = &w[turn % 4];
      if (turn < 4) {
        *next = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(blocks + 16 * turn)), swap);
      } else {
        const __m128i last = w[(turn + 3) % 4], seven_back = _mm_alignr_epi8(last, w[(turn + 2) % 4], 4);
        *next = _mm_sha256msg1_epu32(*next, w[(turn + 1) % 4]);
        *next = _mm_sha256msg2_epu32(_mm_add_epi32(*next, seven_back), last);
      }
      const __m128i sum = _mm_add_epi32(*next, _mm_loadu_si128((const __m128i *)(constants + 4 * turn)));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0E));
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  const __m128i feba = _mm_shuffle_epi32(abef, 0x1B), dchg = _mm_shuffle_epi32(cdgh, 0xB1);
  _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xF0));
  _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

#elif defined(__aarch64__)

  #include <arm_neon.h>

  #if defined(__linux__)
    #include <sys/auxv.h>
bool tj_sha256_is_there(void) { return getauxval(AT_HWCAP) & 1 << 6; } // HWCAP_SHA2
  #else
bool tj_sha256_is_there(void) { return true; } // Every processor of Apple's.
  #endif

__attribute__((target("sha2"))) void tj_sha256_blocks(uint32_t *state, const uint8_t *blocks, size_t count,
                                                      const uint32_t *constants) {
  uint32x4_t abcd = vld1q_u32(state), efgh = vld1q_u32(state + 4);
  for (; count > 0; count--, blocks += 64) {
    const uint32x4_t abcd_before = abcd, efgh_before = efgh;
    uint32x4_t w[4];
  #pragma unroll
    for (int turn = 0; turn < TURNS; turn++) {
      uint32x4_t *next = &w[turn % 4];
      if (turn < 4) {
        *next = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(blocks + 16 * turn)));
      } else {
        *next =
            vsha256su1q_u32(vsha256su0q_u32(*next, w[(turn + 1) % 4]), w[(turn + 2) % 4], w[(turn + 3) % 4]);
      }
      const uint32x4_t sum = vaddq_u32(*next, vld1q_u32(constants + 4 * turn)), abcd_now = abcd;
      abcd = vsha256hq_u32(abcd, efgh, sum);
      efgh = vsha256h2q_u32(efgh, abcd_now, sum);
    }
    abcd = vaddq_u32(abcd, abcd_before);
    efgh = vaddq_u32(efgh, efgh_before);
  }
  vst1q_u32(state, abcd);
  vst1q_u32(state + 4, efgh);
}

#else

bool tj_sha256_is_there(void) { return false; }
void tj_sha256_blocks(uint32_t *state, const uint8_t *blocks, size_t count, const uint32_t *constants) {
  (void)state, (void)blocks, (void)count, (void)constants;
}

#endif
