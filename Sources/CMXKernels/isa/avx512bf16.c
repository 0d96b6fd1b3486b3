// AVX-512 as it is best for AMD's processors (Zen 4 and later). With bfloat16 one instruction multiplies a pair of numbers with
// another and adds both products to each of 16 sums: it replaces attention in bfloat16. And products of codes end their groups
// by instructions that leave the units of the dot products alone.
#if defined(__x86_64__)
  #include <immintrin.h>

  #include "CMXKernels.h"

extern const tj_instruction_set tj_set_avx512;

  #if defined(TJ_EMULATE_AVX512)
    #pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
    #define TJ_AVAILABLE tj_set_avx512.is_available()
  #else
    #pragma clang attribute push(                                                                            \
        __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,fma"))),             \
        apply_to = function)
    #define TJ_AVAILABLE (tj_set_avx512.is_available() && __builtin_cpu_supports("avx512bf16"))
  #endif
  #define TJ_ISA avx512bf16
  #define TJ_FUSED 1
  #define TJ_FLOAT_ROWS 6
  #define TJ_FLOAT_VECTORS 4
  #define TJ_PACKS_PAIRS 1
  #define TJ_TILE_PANELS 3
  #define TJ_UNSIGNED 1
  #define TJ_ADDS_EXPONENTS 1
  // Not all is used of what is included.
  #pragma clang diagnostic ignored "-Wunused-function"

  #include "isa/avx512.h"

/// sum + the products of two pairs in each lane, the odd one first.
TJ_INLINE vfloat add_pairs(vfloat left, vfloat right, vfloat sum) {
  #if defined(TJ_EMULATE_AVX512)
  const vint halves = (vint)0xffff0000;
  sum = multiply_add(as_float(as_int(left) & halves), as_float(as_int(right) & halves), sum);
  return multiply_add(as_float(as_int(left) << 16), as_float(as_int(right) << 16), sum);
  #else
  return (vfloat)_mm512_dpbf16_ps((__m512)sum, (__m512bh)left, (__m512bh)right);
  #endif
}

  #include "isa/names.h"
  #include "layers/attention.h"
  #include "product/product.h"

static int is_available(void) { return TJ_AVAILABLE; }

/// AMD's processors do twice as many operations a cycle by bfloat16's instruction as by multiplications and additions in single
/// precision (Zen 4: 235 to 117 GFLOP/s a core), Intel's half as many (Emerald Rapids: 57 to 113). And they have units for
/// additions beside those for products, where Intel's have two units for all. The bits are the same.
static int is_preferred(void) { return __builtin_cpu_is("amd") != 0; }

static void replace(tj_kernels *kernels) {
  kernels->attention_bf16 = attention_bf16;
  kernels->attention_backward_bf16 = attention_backward_bf16;
  kernels->attention_scratch = attention_scratch;
  kernels->multiply = multiply;
}

extern const tj_instruction_set tj_set_avx512bf16;
const tj_instruction_set tj_set_avx512bf16 = {TJ_TEXT(TJ_ISA), is_available, is_preferred, &tj_set_avx512,
                                              replace};

  #pragma clang attribute pop
#else
typedef int tj_not_this_architecture;
#endif
