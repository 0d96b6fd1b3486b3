// The kernels of one instruction set: included by kernels_<isa>.c inside the region that sets the target,
// with TJ_ISA (a name) and TJ_AVAILABLE (an expression) defined.
#include "layers.h"
#include "quantize.h"

#define TJ_JOIN2(a, b) a##b
#define TJ_JOIN(a, b) TJ_JOIN2(a, b)
#define TJ_TEXT2(a) #a
#define TJ_TEXT(a) TJ_TEXT2(a)

static int is_available(void) { return TJ_AVAILABLE; }

extern const tj_kernels TJ_JOIN(tj_kernels_, TJ_ISA);
const tj_kernels TJ_JOIN(tj_kernels_, TJ_ISA) = {
    .name = TJ_TEXT(TJ_ISA),
    .is_available = is_available,
    .quantize_rows = quantize_rows,
    .quantize_columns = quantize_columns,
    .gelu = gelu,
    .gelu_backward = gelu_backward,
    .layer_norm = layer_norm,
    .layer_norm_backward = layer_norm_backward,
    .softmax = softmax,
    .softmax_backward = softmax_backward,
    .broadcast_row = broadcast_row,
    .add_column_sums = add_column_sums,
    .add_scaled = add_scaled,
    .sum_of_squares = sum_of_squares,
    .adamw = adamw,
};
