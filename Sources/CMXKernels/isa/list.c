// The lists of instruction sets and of formats. A new set is one file and one line here: a file that includes table.h has all
// kernels; one that has a base replaces single ones.
#include "CMXKernels.h"
#include "quantize/formats.h"

#if defined(__x86_64__)
extern const tj_instruction_set tj_set_avx512bf16;
extern const tj_instruction_set tj_set_avx512;
extern const tj_instruction_set tj_set_avxvnni;
extern const tj_instruction_set tj_set_avx2;
#elif defined(__aarch64__)
extern const tj_instruction_set tj_set_i8mm;
extern const tj_instruction_set tj_set_neon;
#endif
extern const tj_instruction_set tj_set_portable;

static const tj_instruction_set *const list[] = {
#if defined(__x86_64__)
    &tj_set_avx512bf16, &tj_set_avx512, &tj_set_avxvnni, &tj_set_avx2,
#elif defined(__aarch64__)
    &tj_set_i8mm,
    &tj_set_neon,
#endif
    &tj_set_portable,
};

const tj_instruction_set *tj_instruction_set_at(size_t index) {
  return index < sizeof list / sizeof *list ? list[index] : NULL;
}

void tj_fill(const tj_instruction_set *set, tj_kernels *kernels) {
  if (set->base) tj_fill(set->base, kernels);
  set->replace(kernels);
  kernels->name = set->name;
}

const tj_format *tj_format_at(size_t index) {
  return index < sizeof formats / sizeof *formats ? &formats[index] : NULL;
}

int tj_is_optimized(void) {
#if defined(__OPTIMIZE__)
  return 1;
#else
  return 0;
#endif
}
