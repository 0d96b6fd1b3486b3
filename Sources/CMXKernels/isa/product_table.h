// The kernels of an instruction set that has products of its own and takes the rest over: included by its file as table.h is,
// after TJ_ISA, TJ_AVAILABLE, what product.h asks for, and TJ_BASE (the set that it builds on).
#pragma clang diagnostic ignored "-Wunused-function"
#include "isa/names.h"
#include "product/product.h"

static int is_available(void) { return TJ_AVAILABLE; }

static void replace(tj_kernels *kernels) {
  kernels->left_block_bytes = left_block_bytes;
  kernels->right_block_bytes = right_block_bytes;
  kernels->expand_left = expand_left;
  kernels->expand_right = expand_right;
  kernels->multiply = multiply;
  kernels->dot_product_peak = dot_product_peak;
}

extern const tj_instruction_set TJ_JOIN(tj_set_, TJ_BASE);
extern const tj_instruction_set TJ_JOIN(tj_set_, TJ_ISA);
const tj_instruction_set TJ_JOIN(tj_set_, TJ_ISA) = {TJ_TEXT(TJ_ISA), is_available, NULL,
                                                     &TJ_JOIN(tj_set_, TJ_BASE), replace};
