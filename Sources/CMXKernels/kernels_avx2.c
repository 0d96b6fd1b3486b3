// AVX2: a vector is two registers.
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#define TJ_ISA avx2
#define TJ_AVAILABLE __builtin_cpu_supports("avx2")
#include "kernels_body.h"
#pragma clang attribute pop
#else
typedef int tj_not_this_architecture;
#endif
