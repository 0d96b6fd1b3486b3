// AVX-512: a vector is one register.
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), \
                             apply_to = function)
#define TJ_ISA avx512
#define TJ_AVAILABLE                                                                    \
  (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&            \
   __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
#include "kernels_body.h"
#pragma clang attribute pop
#else
typedef int tj_not_this_architecture;
#endif
