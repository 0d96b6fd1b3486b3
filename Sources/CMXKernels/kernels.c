// The list of instruction sets. A new one is one file that includes kernels_body.h and one line here.
#include "CMXKernels.h"

#if defined(__x86_64__)
extern const tj_kernels tj_kernels_avx512;
extern const tj_kernels tj_kernels_avx2;
#elif defined(__aarch64__)
extern const tj_kernels tj_kernels_neon;
#endif
extern const tj_kernels tj_kernels_portable;

static const tj_kernels *const list[] = {
#if defined(__x86_64__)
    &tj_kernels_avx512,
    &tj_kernels_avx2,
#elif defined(__aarch64__)
    &tj_kernels_neon,
#endif
    &tj_kernels_portable,
};

const tj_kernels *tj_kernels_at(size_t index) {
  return index < sizeof list / sizeof *list ? list[index] : NULL;
}

int tj_is_optimized(void) {
#if defined(__OPTIMIZE__)
  return 1;
#else
  return 0;
#endif
}
