// The kernels of one instruction set: included by kernels_<isa>.c inside the region that sets the target,
// after TJ_ISA (a name), TJ_AVAILABLE (an expression), what gemm.h asks for, and for attention.h:
// TJ_FUSED (whether the hardware fuses a multiplication with an addition), and the tile of its products,
// TJ_FLOAT_ROWS x (16 TJ_FLOAT_VECTORS).
#include "attention.h"
#include "gemm.h"
#include "layers.h"
#include "oscillation.h"
#include "pack.h"
#include "quantize.h"

#define TJ_JOIN2(a, b) a##b
#define TJ_JOIN(a, b) TJ_JOIN2(a, b)
#define TJ_TEXT2(a) #a
#define TJ_TEXT(a) TJ_TEXT2(a)

static int is_available(void) { return TJ_AVAILABLE; }

static void replace(tj_kernels *kernels) {
  *kernels = (tj_kernels){
      .pack_rows = pack_rows,
      .pack_columns = pack_columns,
      .repack_columns = repack_columns,
      .unpack_rows = unpack_rows,
      .expand_left = expand_left,
      .expand_right = expand_right,
      .multiply = multiply,
      .dot_product_peak = dot_product_peak,
      .quantize_rows = quantize_rows,
      .quantize_columns = quantize_columns,
      .gelu = gelu,
      .gelu_backward = gelu_backward,
      .layer_norm = layer_norm,
      .layer_norm_backward = layer_norm_backward,
      .attention = attention,
      .attention_backward = attention_backward,
      .attention_scratch = attention_scratch,
      .broadcast_row = broadcast_row,
      .add_column_sums = add_column_sums,
      .add_scaled = add_scaled,
      .sum_of_squares = sum_of_squares,
      .adamw = adamw,
      .moving_average = moving_average,
      .ramping_adamw = ramping_adamw,
      .add_scaled_difference = add_scaled_difference,
      .track_movement = track_movement,
      .count_losses = count_losses,
  };
}

extern const tj_instruction_set TJ_JOIN(tj_set_, TJ_ISA);
const tj_instruction_set TJ_JOIN(tj_set_, TJ_ISA) = {TJ_TEXT(TJ_ISA), is_available, NULL, replace};
