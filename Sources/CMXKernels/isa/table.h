// The kernels of one instruction set: included by the file of each inside the region that sets the target,
// after TJ_ISA (a name), TJ_AVAILABLE (an expression), what product.h asks for, and for attention.h:
// TJ_FUSED (whether the hardware fuses a multiplication with an addition), and the tile of its products,
// TJ_FLOAT_ROWS x (16 TJ_FLOAT_VECTORS).
#include "isa/names.h"
#include "layers/attention.h"
#include "layers/layers.h"
#include "layers/oscillation.h"
#include "product/float_products.h"
#include "product/product.h"
#include "quantize/traversal.h"

static int is_available(void) { return TJ_AVAILABLE; }

static void replace(tj_kernels *kernels) {
  *kernels = (tj_kernels){
      .quantize_rows = quantize_rows,
      .quantize_columns = quantize_columns,
      .requantize_columns = requantize_columns,
      .dequantize_rows = dequantize_rows,
      .left_block_bytes = left_block_bytes,
      .right_block_bytes = right_block_bytes,
      .expand_left = expand_left,
      .expand_right = expand_right,
      .multiply = multiply,
      .multiply_floats = multiply_floats,
      .multiply_floats_with_codes = multiply_floats_with_codes,
      .float_scratch = float_scratch,
      .dot_product_peak = dot_product_peak,
      .float_peak = float_peak,
      .gelu = gelu,
      .gelu_backward = gelu_backward,
      .layer_norm = layer_norm,
      .layer_norm_backward = layer_norm_backward,
      .attention = attention,
      .attention_backward = attention_backward,
      .attention_bf16 = attention_bf16,
      .attention_backward_bf16 = attention_backward_bf16,
      .attention_scratch = attention_scratch,
      .broadcast_row = broadcast_row,
      .add_column_sums = add_column_sums,
      .add_scaled = add_scaled,
      .sum_of_squares = sum_of_squares,
      .largest_magnitude = largest_finite_magnitude,
      .adamw = adamw,
      .moving_average = moving_average,
      .ramping_adamw = ramping_adamw,
      .add_scaled_difference = add_scaled_difference,
      .track_movement = track_movement,
      .rotate_rows = rotate_rows,
      .rotate_columns = rotate_columns,
  };
}

extern const tj_instruction_set TJ_JOIN(tj_set_, TJ_ISA);
const tj_instruction_set TJ_JOIN(tj_set_, TJ_ISA) = {TJ_TEXT(TJ_ISA), is_available, NULL, NULL, replace};
