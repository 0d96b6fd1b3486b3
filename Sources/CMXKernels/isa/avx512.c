// AVX-512 with VNNI: a vector is one register, and one instruction adds four products of bytes to each of
// its 16 lanes.
#if defined(__x86_64__)
  #include <immintrin.h>

  #include "CMXKernels.h"

  // An emulation of the two instructions lets processors without AVX-512 run all the rest (.ci/kernels).
  #if defined(TJ_EMULATE_AVX512)
    #pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
    #define TJ_AVAILABLE (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    #define TJ_KEPT "+m"
  #else
    #pragma clang attribute push(                                                                            \
        __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma"))), apply_to = function)
    #define TJ_AVAILABLE                                                                                     \
      (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&                            \
       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&                           \
       __builtin_cpu_supports("avx512vnni"))
    #define TJ_KEPT "+v"
  #endif
  #define TJ_ISA avx512
  #define TJ_FUSED 1
  #define TJ_FLOAT_ROWS 6
  #define TJ_FLOAT_VECTORS 4
  #define TJ_TILE_PANELS 3
  #define TJ_UNSIGNED 1

  #include "isa/avx512.h"

static double dot_product_peak(size_t iterations) {
  enum { CHAINS = 12 };
  vint sum[CHAINS];
  const vbytes a = 3, b = 5;
  for (int i = 0; i < CHAINS; i++) sum[i] = (vint)i;
  for (size_t n = 0; n < iterations; n++)
    for (int i = 0; i < CHAINS; i++) {
      sum[i] = add_products(sum[i], a, b);
      __asm__ volatile("" : TJ_KEPT(sum[i])); // or the compiler would multiply by `iterations`
    }
  return 2.0 * 64 * CHAINS * (double)iterations;
}

  #include "isa/table.h"
  #pragma clang attribute pop
#else
typedef int tj_not_this_architecture;
#endif
